// Each error of a login with its status, each way in which WeChat can fail, and what none of them may leak.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { MAGIC, appSecret, startSystem } from './lib/system.mjs';

const timeout_ms = 700;
let sys;
before(async () => {
	sys = await startSystem({ config: { wechat: { timeout_ms } } });
});
after(() => sys?.stop());
afterEach(() => sys.noFaults());

// Of login, every error has the body that both SDKs show to their users.
async function refused(json, status, error) {
	const answer = await sys.call('POST', 'login', { json });
	assert.equal(answer.status, status, answer.text);
	assert.deepEqual([answer.body[MAGIC], answer.body.code, answer.body.error, answer.body.data], [1, -1, error, {}]);
	assert.ok(answer.body.message);
	return answer;
}

async function everything(user, options) {
	const code = await sys.code(user);
	const { rawData, signature, encryptedData, iv } = await sys.wx('userinfo', user, options);
	return { code, rawData, signature, encryptedData, iv };
}

// --- what clients do wrong ---

test('a login without code or session is a bad request', async () => {
	await refused({}, 400, 'ERR_BAD_REQUEST');
	await refused({ code: '' }, 400, 'ERR_BAD_REQUEST');
});

test('fields that are no texts, and bodies that are no JSON, are bad requests', async () => {
	for (const json of [{ code: 5 }, { code: ['x'] }, { code: 'with blank' }, { code: 'x'.repeat(600) }, { code: 'a\u0000b' },
		{ code: 'c', rawData: 1 }])
		await refused(json, 400, 'ERR_BAD_REQUEST');
	for (const body of ['{', '[]', 'code=x', '{"code":"x"} y', '{"code":NaN}', Buffer.from([0x7b, 0xff, 0x7d])]) {
		const answer = await sys.call('POST', 'login', { body, headers: { 'content-type': 'application/json' } });
		assert.equal(answer.status, 400, String(body));
		assert.equal(answer.body.error, 'ERR_BAD_REQUEST');
	}
	const header = await sys.call('GET', 'login', { headers: { 'x-wx-code': 'c', 'x-wx-rawdata': '%7', 'x-wx-signature': 'x' } });
	assert.equal(header.status, 400);
});

test('a code in a header is enough, whatever the body is', async () => {
	for (const [type, body] of [['application/json', 'null'], ['application/json', '""'], ['text/plain', 'hello'], ['multipart/form-data; boundary=x', '--x--']]) {
		const answer = await sys.call('POST', 'login', { body, headers: { 'content-type': type, 'x-wx-code': await sys.code('header') } });
		assert.equal(answer.status, 200, answer.text);
	}
});

test('a byte order mark before JSON does no harm', async () => {
	const answer = await sys.call('POST', 'login', { body: `\ufeff${JSON.stringify({ code: await sys.code('mark') })}`,
		headers: { 'content-type': 'application/json' } });
	assert.equal(answer.status, 200, answer.text);
});

test('halves that belong together are asked for, before the code is spent', async () => {
	const all = await everything('halves');
	for (const missing of ['iv', 'encryptedData', 'signature', 'rawData'])
		await refused({ ...all, [missing]: undefined }, 400, 'ERR_BAD_REQUEST');
	const answer = await sys.call('POST', 'login', { json: all });
	assert.equal(answer.status, 200, 'the code was spent');
});

test('a form does as well as JSON', async () => {
	const all = await everything('形');
	const answer = await sys.call('POST', 'login', { body: new URLSearchParams(all) });
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.body.data.userinfo.nickName, /\p{Script=Han}/u);
});

test('a code that WeChat refuses is 401, with its errcode', async () => {
	const answer = await refused({ code: 'nobody' }, 401, 'ERR_LOGIN_FAILED');
	assert.equal(answer.body.detail.errcode, 40029);
	const code = await sys.code('once');
	assert.equal((await sys.call('POST', 'login', { json: { code } })).status, 200);
	assert.equal((await refused({ code }, 401, 'ERR_LOGIN_FAILED')).body.detail.errcode, 40163);
});

test('a signature that is not WeChat\'s is refused', async () => {
	const all = await everything('forger');
	await refused({ ...all, rawData: all.rawData.replace('"', '" ') }, 400, 'ERR_BAD_SIGNATURE');
	const again = await everything('forger');
	await refused({ ...again, signature: '0'.repeat(40) }, 400, 'ERR_BAD_SIGNATURE');
	const short = await everything('forger');
	await refused({ ...short, signature: 'abc' }, 400, 'ERR_BAD_SIGNATURE');
});

test('the tutorial\'s order of hashing is not WeChat\'s', async () => {
	const all = await everything('order');
	const who = await sys.sandbox('GET', `user?user=order`);
	assert.ok(who);
	const reversed = crypto.createHash('sha1').update(`x==${all.rawData}`).digest('hex');
	await refused({ ...all, signature: reversed }, 400, 'ERR_BAD_SIGNATURE');
});

test('encrypted data that is not ours or not this user\'s is refused', async () => {
	await refused(await everything('watermark', { appid: 'wxffffffffffffffff' }), 400, 'ERR_BAD_ENCRYPTED_DATA');
	const mine = await everything('mine'), theirs = await everything('theirs');
	await refused({ code: mine.code, encryptedData: theirs.encryptedData, iv: theirs.iv }, 400, 'ERR_BAD_ENCRYPTED_DATA');
	for (const change of [{ iv: 'AAAA' }, { encryptedData: 'AAAA' }, { encryptedData: '!'.repeat(64) },
		{ encryptedData: Buffer.alloc(64).toString('base64') }]) {
		const all = await everything('garbled');
		await refused({ code: all.code, encryptedData: all.encryptedData, iv: all.iv, ...change }, 400, 'ERR_BAD_ENCRYPTED_DATA');
	}
});

test('a name that profile would refuse is cleaned, and the login goes on', async () => {
	for (const [nickName, cleaned] of [['小\n明\u202e\u0007', /^小 明$/], ['\u200b\n', /^用户[0-9a-f]{4}$/]]) {
		const user = `odd name ${nickName.length}`;
		await sys.sandbox('PUT', 'user', { user, nickName });
		const answer = await sys.call('POST', 'login', { json: await everything(user) });
		assert.equal(answer.status, 200, answer.text);
		assert.match(answer.body.data.userinfo.nickName, cleaned);
	}
});

test('a phone\'s clock may be wrong, and its data old', async () => {
	const now = Math.floor(Date.now() / 1000);
	for (const timestamp of [1, now + 86400, now - 30 * 86400]) {
		const answer = await sys.call('POST', 'login', { json: await everything('watermark', { timestamp }) });
		assert.equal(answer.status, 200, answer.text);
	}
});

test('data without openId, as wx.getUserProfile gave it, logs in', async () => {
	const answer = await sys.call('POST', 'login', { json: await everything('profile', { noOpenId: true }) });
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.body.data.userinfo.openId, /^o/);
});

test('the anonymous name takes nobody\'s name away', async () => {
	const named = await sys.login('名字');
	const json = await everything('名字', { anonymous: true });
	const answer = await sys.call('POST', 'login', { json });
	assert.equal(answer.status, 200);
	assert.equal(answer.body.data.userinfo.nickName, named.userinfo.nickName);
	assert.equal(answer.body.data.userinfo.uid, named.uid);
	const fresh = await sys.call('POST', 'login', { json: await everything('anonymous', { anonymous: true }) });
	assert.match(fresh.body.data.userinfo.nickName, /^用户[0-9a-f]{4}$/);
});

test('a login with a session and no code says that it lives', async () => {
	const s = await sys.login('lives');
	const { status, body } = await sys.call('GET', 'login', { headers: s.headers });
	assert.equal(status, 200);
	assert.equal(body.code, 0);
	assert.equal(body.session.id, s.id);
	assert.equal(body.data.skey, s.both);
	assert.equal(body.data.userinfo.uid, s.uid);
	await sys.call('POST', 'logout', { headers: s.headers });
	const dead = await sys.call('GET', 'login', { headers: s.headers });
	assert.equal(dead.status, 401);
	assert.deepEqual([dead.body[MAGIC], dead.body.code, dead.body.error], [1, -1, 'ERR_INVALID_SESSION']);
});

// --- what WeChat does wrong ---

const faults = [
	['errcode', { errcode: -1 }, 503, 'ERR_WECHAT_BUSY'],
	['errcode', { errcode: 45011 }, 503, 'ERR_WECHAT_BUSY'],
	['errcode', { errcode: 40226 }, 401, 'ERR_LOGIN_FAILED'],
	['errcode', { errcode: 40125 }, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['errcode', { errcode: 40013 }, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['status', { status: 502 }, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['hang', {}, 504, 'ERR_WECHAT_TIMEOUT'],
	['delay', { ms: 5000 }, 504, 'ERR_WECHAT_TIMEOUT'],
	['slowbody', { ms: 300 }, 504, 'ERR_WECHAT_TIMEOUT'],
	['close', {}, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['close', { raw: true }, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['garbage', {}, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['garbage', { raw: true }, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['truncate', {}, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['huge', {}, 502, 'ERR_WECHAT_BAD_ANSWER'],
	['wrongtype', {}, 502, 'ERR_WECHAT_BAD_ANSWER'],
];
for (const [kind, more, status, error] of faults)
	test(`WeChat: ${kind} ${JSON.stringify(more)} is ${status}`, async (t) => {
		// a breaker that remembers the failures of other rows would answer instead of WeChat
		const own = await startSystem({ web: 'nginx', config: { wechat: { timeout_ms } } });
		t.after(() => own.stop());
		const code = await own.code('fault');
		await own.fault(kind, more);
		const answer = await own.call('POST', 'login', { json: { code } });
		assert.equal(answer.status, status, answer.text);
		assert.equal(answer.body.error, error);
		assert.deepEqual([answer.body[MAGIC], answer.body.code], [1, -1]);
		if (status === 503)
			assert.match(answer.headers.get('retry-after'), /^\d+$/);
		if (more.errcode)
			assert.equal(answer.body.detail.errcode, more.errcode);
	});

test('WeChat busy once is asked once more', async () => {
	await sys.fault('errcode', { errcode: -1, count: 1 });
	const answer = await sys.call('POST', 'login', { json: { code: await sys.code('busy') } });
	assert.equal(answer.status, 200, answer.text);
});

test('control characters in WeChat\'s JSON do no harm', async () => {
	await sys.fault('ctlchars', { count: 1 });
	const answer = await sys.call('POST', 'login', { json: { code: await sys.code('ctl') } });
	assert.equal(answer.status, 200, answer.text);
});

test('nothing that is secret stands in an answer or a log', async () => {
	const code = await sys.code('secret');
	const all = await sys.wx('userinfo', 'secret');
	const query = { 'X-WX-Code': code, rawData: all.rawData, signature: all.signature };
	const answer = await sys.call('GET', 'login', { query });
	assert.equal(answer.status, 200, answer.text);
	const { id, skey } = answer.body.session;
	await sys.call('GET', 'user', { query: { 'X-WX-Id': id, 'X-WX-Skey': skey } });
	const tunnel = await sys.call('GET', 'tunnel', { headers: { 'x-wx-skey': `${id}.${skey}` } });
	const ticket = tunnel.body.url.match(/ticket=([0-9a-f]+)/)[1];
	await refused({ code: 'SECRETCODE1234' }, 401, 'ERR_LOGIN_FAILED');
	await sys.call('POST', 'logout', { query: { 'X-WX-Id': id, 'X-WX-Skey': skey } });
	const logs = sys.logs();
	for (const secret of [code, skey, id, ticket, appSecret, all.signature, 'SECRETCODE1234', 'X-WX-Skey', 'X-WX-Code'])
		assert.ok(!logs.includes(secret), `${secret} is in a log`);
	assert.ok(!answer.text.includes('session_key'));
	for (const event of [/ login uid=[0-9a-f]{20} address=127\.0\.0\.1 result=ok ms=[\d.]+$/m,
		/ login uid=- address=127\.0\.0\.1 result=ERR_LOGIN_FAILED ms=/m, / logout uid=[0-9a-f]{20} address=.* result=ok ms=/m])
		assert.match(logs, event);
});
