// What a mini-program asks beside the login: name and picture, generated pictures, phone numbers, tunnel addresses.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as files from './lib/files.mjs';
import { MAGIC, startSystem } from './lib/system.mjs';

let sys, s;
before(async () => {
	sys = await startSystem({ web: 'nginx', config: (own) => ({ login: { base_url: own.url, check_profile: 'on',
		avatar_hosts: '*.qlogo.cn *.qpic.cn img.example.com' } }) });
	s = await sys.login('me', { codeOnly: true });
});
after(() => sys?.stop());

const profile = (json, headers = s.headers) => sys.call('POST', 'profile', { headers, json });

test('a user without a name has a stable one, and a picture made of the uid', async () => {
	assert.equal(s.userinfo.nickName, `用户${s.uid.slice(0, 4)}`);
	assert.equal(s.userinfo.avatarUrl, `${sys.weapp}/avatar?uid=${s.uid}`);
	const again = await sys.login('me', { codeOnly: true });
	assert.deepEqual([again.userinfo.nickName, again.userinfo.avatarUrl], [s.userinfo.nickName, s.userinfo.avatarUrl]);
	const picture = await fetch(s.userinfo.avatarUrl);
	assert.equal(picture.headers.get('content-type'), 'image/svg+xml');
	assert.match(picture.headers.get('cache-control'), /immutable/);
	assert.match(picture.headers.get('content-security-policy'), /sandbox/);
	const svg = await picture.text();
	assert.match(svg, /^<svg [^>]*viewBox.*<\/svg>$/s);
	assert.equal(await (await fetch(s.userinfo.avatarUrl)).text(), svg);
	const other = await (await fetch(`${sys.weapp}/avatar?uid=${'0'.repeat(20)}`)).text();
	assert.notEqual(other, svg);
	for (const uid of ['', 'x', 'z'.repeat(20), '0'.repeat(21), '"><script>'])
		assert.equal((await sys.call('GET', 'avatar', { query: { uid } })).status, 400);
});

test('a user chooses a name and a picture, and keeps them at the next login', async () => {
	const up = await sys.call('POST', 'upload', { headers: s.headers, body: files.form(files.png) });
	const set = await profile({ nickName: '  小明 🐼  ', avatarUrl: up.body.data.url });
	assert.equal(set.status, 200, set.text);
	assert.equal(set.body.data.nickName, '小明 🐼');
	assert.equal(set.body.data.avatarUrl, up.body.data.url);
	const again = await sys.login('me', { codeOnly: true });
	assert.deepEqual([again.userinfo.nickName, again.userinfo.avatarUrl], ['小明 🐼', up.body.data.url]);
	const one = await profile({ nickName: '只改名字' });
	assert.deepEqual([one.body.data.nickName, one.body.data.avatarUrl], ['只改名字', up.body.data.url]);
});

test('a name in the query may hold blanks and plus signs', async () => {
	const answer = await sys.call('POST', 'profile', { headers: s.headers, body: '', query: { nickName: 'a + b' } });
	assert.deepEqual([answer.status, answer.body.data?.nickName], [200, 'a + b'], answer.text);
});

test('names have 1 to 32 characters that can be seen', async () => {
	for (const nickName of ['x', '字'.repeat(32), '🐼'.repeat(32), 'a b', 'مرحبا', '👨‍👩‍👧'])
		assert.equal((await profile({ nickName })).status, 200, nickName);
	for (const nickName of ['', ' ', '\u3000', '字'.repeat(33), 'a\nb', 'a\u0000b', '\u200b', 'a\u202eb', '\ufeffx', 'a\u007f', 5, null, {}]) {
		const { status, body } = await profile({ nickName });
		assert.equal(status, 400, JSON.stringify(nickName));
		assert.deepEqual([body.code, body.error, body[MAGIC]], [1, 'ERR_BAD_REQUEST', undefined]);
	}
	assert.equal((await profile({})).status, 400);
	assert.equal((await profile({ nickName: 'x' }, {})).status, 401);
});

test('pictures are ours, or where the operator lets them be', async () => {
	const generated = `${sys.weapp}/avatar?uid=${s.uid}`;
	for (const avatarUrl of [`${sys.url}/media/0123.png`, generated, 'https://thirdwx.qlogo.cn/mmopen/vi_32/x/132', 'https://img.example.com/a.png'])
		assert.equal((await profile({ avatarUrl })).status, 200, avatarUrl);
	for (const avatarUrl of [`https://evil.example.com/avatar?uid=${s.uid}`, `javascript:alert(1)//avatar?uid=${s.uid}`,
		'http://tmp/abc.jpg', 'wxfile://tmp_abc', 'https://evil.example.com/a.png', 'https://qlogo.cn.evil.com/a', 'https://evilqlogo.cn/a',
		'https://thirdwx.qlogo.cn@evil.com/a', 'https://img.example.com:80@evil.com', 'javascript:alert(1)', 'data:image/png;base64,AAAA',
		'https://thirdwx.qlogo.cn/"onerror', 'https://thirdwx.qlogo.cn/ x', `https://thirdwx.qlogo.cn/${'x'.repeat(1024)}`, `${sys.url}/media/`,
		generated.replace(s.uid, '0'.repeat(20)), '//img.example.com/a.png', 7])
		assert.equal((await profile({ avatarUrl })).status, 400, avatarUrl);
});

test('a name that WeChat\'s check refuses is refused; its failures are not', async () => {
	const risky = await profile({ nickName: 'risky!' });
	assert.equal(risky.status, 400);
	assert.deepEqual([risky.body.code, risky.body.error], [1, 'ERR_RISKY_CONTENT']);
	await sys.fault('errcode', { path: '/wxa/msg_sec_check', errcode: 44991, count: 1 });
	assert.equal((await profile({ nickName: 'unchecked' })).status, 200);
	assert.match(sys.logs(), / profile-unchecked uid=[0-9a-f]+ /);
});

test('a phone number comes by code', async () => {
	const { code } = await sys.wx('phone', 'me');
	const { status, body, text } = await sys.call('POST', 'phone', { headers: s.headers, json: { code } });
	assert.equal(status, 200, text);
	assert.match(body.data.purePhoneNumber, /^138\d{8}$/);
	assert.equal(body.data.phoneNumber, body.data.purePhoneNumber);
	assert.equal(body.data.countryCode, '86');
	const twice = await sys.call('POST', 'phone', { headers: s.headers, json: { code } });
	assert.equal(twice.status, 400);
	assert.deepEqual([twice.body.code, twice.body.detail.errcode], [1, 40163]);
	assert.equal((await sys.call('GET', 'user', { headers: s.headers })).body.data.phoneNumber, body.data.phoneNumber);
});

test('a phone number comes by encrypted data, the old way', async () => {
	const own = await sys.login('old phone');
	const { encryptedData, iv } = await sys.wx('phone', 'old phone');
	const { status, body, text } = await sys.call('POST', 'phone', { headers: own.headers, json: { encryptedData, iv } });
	assert.equal(status, 200, text);
	assert.match(body.data.purePhoneNumber, /^138\d{8}$/);
	const wrong = await sys.call('POST', 'phone', { headers: s.headers, json: { encryptedData, iv } });
	assert.equal(wrong.status, 400);
	assert.deepEqual([wrong.body.code, wrong.body.error], [1, 'ERR_BAD_ENCRYPTED_DATA']);
});

test('an access token that WeChat forgot is fetched again, once', async () => {
	await sys.fault('errcode', { path: '/wxa/business/getuserphonenumber', errcode: 42001, count: 1 });
	const { code } = await sys.wx('phone', 'me');
	const { status, text } = await sys.call('POST', 'phone', { headers: s.headers, json: { code } });
	assert.equal(status, 200, text);
});

test('phone wants something to work with', async () => {
	for (const json of [{}, { code: '' }, { encryptedData: 'x' }, { code: 5 }])
		assert.equal((await sys.call('POST', 'phone', { headers: s.headers, json })).status, 400, JSON.stringify(json));
	assert.equal((await sys.call('POST', 'phone', { json: { code: 'x' } })).status, 401);
});

test('a tunnel address names the room, and no two are alike', async () => {
	const ask = async (query = '') => (await sys.call('GET', `tunnel${query}`, { headers: s.headers })).body;
	const a = await ask(`?room=${encodeURIComponent('大厅 1')}`), b = await ask();
	assert.match(a.url, /^ws:\/\/127\.0\.0\.1:\d+\/ws\?ticket=[0-9a-f]{64}&dialect=tunnel&room=%E5%A4%A7%E5%8E%85%201$/);
	assert.equal(a.data.connectUrl, a.url);
	assert.notEqual(new URL(a.url).searchParams.get('ticket'), new URL(b.url).searchParams.get('ticket'));
	assert.notEqual(a.data.tunnelId, b.data.tunnelId);
	assert.match((await ask('?room=my+room%2B')).url, /&room=my%20room%2B$/);
	assert.doesNotMatch((await ask('?room=')).url, /room=/);
	for (const room of ['x'.repeat(65), 'a\u0001b'])
		assert.equal((await sys.call('GET', 'tunnel', { headers: s.headers, query: { room } })).status, 400);
	const dead = await sys.call('GET', 'tunnel');
	assert.deepEqual([dead.status, dead.body.code, dead.body.data], [401, -1, {}]);
});
