// The mini-program's library: logins and requests.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Phone, library, loginAnswer, otherError, sessionError } from './lib/phone.mjs';

const { create } = library('./index.js');

let phone;
let logins;
let live;	// the session id that the server knows

function newClient(options) {
	return create({ base: 'https://example.com/weapp', socket: 'wss://example.com/ws', ...options });
}

// A server that knows the sessions of its own logins, the last one only.
function serve(request) {
	if (request.route === 'login') {
		const answer = loginAnswer(++logins);

		live = answer.data.session.id;
		return answer;
	}
	if (request.header['X-WX-Id'] !== live)
		return sessionError('ERR_INVALID_SESSION');
	return { statusCode: 200, data: { code: 0, data: { route: request.route } } };
}

beforeEach(() => {
	phone = new Phone();
	logins = 0;
	live = '';
	phone.answer = serve;
});

test('a login sends the code in a JSON body and keeps what comes back', async () => {
	const client = newClient();
	const session = await client.login();

	assert.equal(phone.requests[0].url, 'https://example.com/weapp/login');
	assert.equal(phone.requests[0].method, 'POST');
	assert.deepEqual(phone.requests[0].data, { code: 'code1' });
	assert.equal(session.user.nickName, '小明');
	assert.deepEqual(client.buildSessionHeader(), { 'X-WX-Id': session.id, 'X-WX-Skey': session.skey });
	assert.equal(newClient().user().nickName, '小明', 'the next start of the app has it still');
});

test('a hundred callers make one login', async () => {
	const client = newClient();
	const sessions = await Promise.all(Array.from({ length: 100 }, () => client.login()));

	assert.equal(logins, 1);
	assert.equal(new Set(sessions).size, 1);
});

test('a stored session is used without asking anybody', async () => {
	await newClient().login();
	await newClient().login();
	assert.equal(logins, 1);
	assert.equal(phone.codes, 1);
});

test('user information goes along where WeChat gives any', async () => {
	phone.userInfo = { userInfo: { nickName: '小红' }, rawData: '{"nickName":"小红"}', signature: 's', encryptedData: 'e', iv: 'i' };
	await newClient({ userInfo: true }).login();
	assert.deepEqual(phone.requests[0].data, {
		code: 'code1', rawData: '{"nickName":"小红"}', signature: 's', encryptedData: 'e', iv: 'i',
	});
});

test('the anonymous user of today is not sent', async () => {
	phone.userInfo = { userInfo: { nickName: '微信用户' }, rawData: '{}', signature: 's', encryptedData: 'e', iv: 'i' };
	await newClient({ userInfo: true }).login();
	assert.deepEqual(phone.requests[0].data, { code: 'code1' });
});

test('without permission for user information the code alone logs in', async () => {
	await newClient({ userInfo: true }).login();
	assert.deepEqual(phone.requests[0].data, { code: 'code1' });
});

test('a refused code is followed by one round with a fresh one', async () => {
	let refused = 0;

	phone.answer = (request) => (refused++ ? serve(request) : sessionError('ERR_LOGIN_FAILED'));
	await newClient().login();
	assert.deepEqual(phone.requests.map((request) => request.data.code), ['code1', 'code2']);
});

for (const [what, answer, code] of [
	['a banned user', () => sessionError('ERR_BANNED', 403), 'ERR_BANNED'],
	['a busy WeChat', () => sessionError('ERR_WECHAT_BUSY', 503), 'ERR_WECHAT_BUSY'],
	['a proxy\'s own page', () => ({ statusCode: 502, data: '<html>Bad Gateway</html>' }), 'ERR_BAD_ANSWER'],
	['an empty object', () => ({ statusCode: 200, data: {} }), 'ERR_BAD_ANSWER'],
	['null', () => ({ statusCode: 200, data: null }), 'ERR_BAD_ANSWER'],
	['no network', () => {
		throw new Error('net::ERR_FAILED');
	}, 'ERR_NETWORK'],
]) {
	test(`${what} fails the login with ${code}, at once, and the next login tries again`, async () => {
		const client = newClient();

		phone.answer = answer;
		await assert.rejects(client.login(), { code });
		assert.equal(phone.requests.length, 1);
		phone.answer = serve;
		await client.login();
		assert.equal(client.user().nickName, '小明');
	});
}

test('a request carries the session and its own headers', async () => {
	const client = newClient();

	await client.login();
	const res = await client.request({ url: 'https://example.com/weapp/user', header: { 'X-Own': '1' } });

	assert.equal(res.statusCode, 200);
	assert.equal(phone.requests[1].header['X-Own'], '1');
	assert.equal(phone.requests[1].header['X-WX-Id'], live);
});

test('a request without login: true sends no session when there is none', async () => {
	phone.answer = () => ({ statusCode: 200, data: 'plain' });
	const res = await newClient().request({ url: 'https://example.com/news' });

	assert.equal(res.data, 'plain');
	assert.equal(phone.requests.length, 1);
	assert.equal(phone.requests[0].header['X-WX-Id'], undefined);
});

test('a session that died on the server is renewed, and ten requests notice nothing', async () => {
	const client = newClient();

	await client.login();
	live = 'somebody else';
	const all = await Promise.all(Array.from({ length: 10 }, () => client.request({ url: 'https://example.com/weapp/user' })));

	assert.deepEqual(all.map((res) => res.statusCode), Array(10).fill(200));
	assert.equal(logins, 2);
});

test('a late answer about an old session does not end the new one', async () => {
	const client = newClient();
	let release;
	const gate = new Promise((resolve) => {
		release = resolve;
	});

	await client.login();
	live = '';
	phone.answer = async (request) => {
		const answer = serve(request);

		if (request.data === 'late')
			await gate;
		return answer;
	};
	const late = client.request({ url: 'https://example.com/weapp/user', data: 'late' });
	await client.request({ url: 'https://example.com/weapp/user' });
	release();
	await late;
	assert.equal(logins, 2);
});

test('a session refused twice is an error, and not a loop', async () => {
	const client = newClient();

	await client.login();
	phone.answer = (request) => (request.route === 'login' ? serve(request) : sessionError('ERR_INVALID_SESSION'));
	await assert.rejects(client.request({ url: 'https://example.com/weapp/user' }), { code: 'ERR_INVALID_SESSION', status: 401 });
	assert.equal(logins, 2);
});

test('other errors keep the session', async () => {
	const client = newClient();

	await client.login();
	phone.answer = () => otherError('ERR_RATE_LIMITED', 429);
	const res = await client.request({ url: 'https://example.com/weapp/user' });

	assert.equal(res.statusCode, 429);
	await assert.rejects(client.api('profile', 'POST', {}), { code: 'ERR_RATE_LIMITED', status: 429 });
	assert.equal(logins, 1);
	assert.notEqual(client.user(), null);
});

test('callbacks are called as well', async () => {
	const client = newClient();
	const seen = [];

	await new Promise((resolve) => {
		client.login({ success: () => client.request({
			url: 'https://example.com/weapp/user',
			success: (res) => seen.push(res.statusCode),
			complete: resolve,
		}) });
	});
	phone.answer = () => {
		throw new Error('net::ERR_FAILED');
	};
	await new Promise((resolve) => {
		client.request({ url: 'https://example.com/x', fail: (err) => seen.push(err.code), complete: resolve }).catch(() => {});
	});
	assert.deepEqual(seen, [200, 'ERR_NETWORK']);
});

test('an upload reads the text that uploadFile answers, reports progress, and renews a dead session', async () => {
	const client = newClient();
	const progress = [];

	await client.login();
	live = '';
	phone.answer = (request) => {
		const res = serve(request);

		if (request.route !== 'upload')
			return res;
		request.progress({ progress: 50 });
		return { ...res, data: JSON.stringify(res.data.error ? res.data : { code: 0, data: { url: 'https://example.com/media/a.png' } }) };
	};
	const file = await client.upload('http://tmp/a.png', { onProgress: (percent) => progress.push(percent) });

	assert.equal(file.url, 'https://example.com/media/a.png');
	assert.deepEqual(progress, [50, 50]);
	assert.equal(phone.uploads[1].name, 'file');
	assert.equal(logins, 2);
});

test('an upload that a proxy refused is an error', async () => {
	const client = newClient();

	await client.login();
	phone.answer = () => ({ statusCode: 413, data: '<html>413</html>' });
	await assert.rejects(client.upload('http://tmp/a.png'), { code: 'ERR_BAD_ANSWER', status: 413 });
});

test('a direct upload goes to the bucket with the signed form, and without the session', async () => {
	const client = newClient();

	await client.login();
	phone.answer = (request) => (request.url.startsWith('https://bucket')
		? { statusCode: 201, data: '<PostResponse/>' }
		: { statusCode: 200, data: { code: 0, data: {
			fileUrl: 'https://cdn.example.com/a.png', mimeType: 'image/png', name: 'a.png',
			form: { url: 'https://bucket.example.com/', fields: { key: 'a.png', policy: 'p' } },
		} } });
	const file = await client.uploadDirect({ path: 'http://tmp/a.png', mimeType: 'image/png', size: 5 });

	assert.equal(phone.requests[1].url, 'https://example.com/weapp/upload?direct=1&type=image%2Fpng&size=5');
	assert.deepEqual(phone.uploads[0].formData, { key: 'a.png', policy: 'p' });
	assert.deepEqual(phone.uploads[0].header, {});
	assert.equal(file.url, 'https://cdn.example.com/a.png');
	phone.answer = (request) => (request.url.startsWith('https://bucket') ? { statusCode: 403, data: '<Error/>' } : {
		statusCode: 200, data: { code: 0, data: { form: { url: 'https://bucket.example.com/', fields: {} } } },
	});
	await assert.rejects(client.uploadDirect({ path: 'http://tmp/a.png' }), { code: 'ERR_BAD_ANSWER', status: 403 });
});

test('where there is no bucket, a direct upload is an ordinary one', async () => {
	const client = newClient();

	await client.login();
	phone.answer = (request) => (request.method === 'GET' ? otherError('ERR_NOT_FOUND', 404)
		: { statusCode: 200, data: '{"code":0,"data":{"url":"https://example.com/media/a.png"}}' });
	assert.equal((await client.uploadDirect({ path: 'http://tmp/a.png' })).url, 'https://example.com/media/a.png');
});

test('a profile with a new avatar uploads it first', async () => {
	const client = newClient();

	await client.login();
	phone.answer = (request) => (request.route === 'upload'
		? { statusCode: 200, data: '{"code":0,"data":{"url":"https://example.com/media/a.png"}}' }
		: { statusCode: 200, data: { code: 0, data: { uid: 'u', ...request.data } } });
	const user = await client.setProfile({ nickName: '新名字', avatarPath: 'http://tmp/a.png' });

	assert.deepEqual(user, { uid: 'u', nickName: '新名字', avatarUrl: 'https://example.com/media/a.png' });
	assert.equal(newClient().user().nickName, '新名字');
});

test('logging out ends the session on both sides', async () => {
	const client = newClient();

	await client.login();
	await client.logout();
	assert.equal(client.user(), null);
	assert.equal(phone.requests.at(-1).route, 'logout');
});
