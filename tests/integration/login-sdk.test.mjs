// The real SDKs of both wafer generations, as their authors published them, against this server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MAGIC, startSystem } from './lib/system.mjs';
import { Phone, freshRequire, promised } from './lib/wx.mjs';

let sys;
before(async () => { sys = await startSystem({ login: 'spawned' }); });
after(() => sys?.stop());

function phone(name, user) {
	const own = new Phone(sys, user);
	globalThis.wx = own.wx;
	own.sdk = freshRequire(name);
	own.sdk.setLoginUrl(`${sys.weapp}/login`);
	own.login = (options) => promised(own.sdk.login, options);
	own.get = (route, options) => promised(own.sdk.request, { url: `${sys.weapp}/${route}`, ...options });
	own.paths = () => own.requests.map(({ url, statusCode }) => `${statusCode} ${url.slice(sys.weapp.length + 1)}`);
	return own;
}

// Ends it behind the SDK's back; v1 keeps id and skey, v2 the two in one.
function endSession(own) {
	const { id, skey } = own.storage.get(`weapp_session_${MAGIC}`);
	return sys.call('POST', 'logout', { headers: { ...(id && { 'x-wx-id': id }), 'x-wx-skey': skey } });
}

test('v1 logs in, and its requests carry the session', async () => {
	const own = phone('wafer-client-sdk', '小红');
	const info = await own.login();
	assert.match(info.nickName, /\p{Script=Han}/u);
	const { data, statusCode } = await own.get('user', { login: true });
	assert.equal(statusCode, 200);
	assert.equal(data.data.userInfo.nickName, info.nickName);
	assert.deepEqual(own.paths(), ['200 login', '200 user']);
});

test('v1 logs in again by itself when the server has forgotten the session', async () => {
	const own = phone('wafer-client-sdk', '小红');
	await own.login();
	assert.equal((await endSession(own)).status, 200);
	const { data } = await own.get('user', { login: true });
	assert.equal(data.code, 0);
	assert.deepEqual(own.paths(), ['200 login', '401 user', '200 login', '200 user']);
});

test('v1 tells its user what went wrong at login, in our words', async () => {
	const own = phone('wafer-client-sdk', '小红');
	await sys.fault('errcode', { errcode: 40029, count: 1 });
	const error = await own.login().then(() => assert.fail('it logged in'), (e) => e);
	assert.equal(error.type, 'ERR_LOGIN_MISSING_SESSION');
	assert.match(error.message, /ERR_LOGIN_FAILED.*WeChat refused the code/);
});

test('v1 keeps its session when another thing goes wrong', async () => {
	const own = phone('wafer-client-sdk', '小红');
	await own.login();
	const { data, statusCode } = await own.get('profile', { method: 'POST', data: { nickName: '' }, login: true });
	assert.equal(statusCode, 400);
	assert.equal(data.error, 'ERR_BAD_REQUEST');
	assert.equal((await own.get('user')).statusCode, 200);
	assert.deepEqual(own.paths(), ['200 login', '400 profile', '200 user']);
});

test('v2 logs in, and its requests carry the session', async () => {
	const own = phone('wafer2-client-sdk', '小刚');
	const info = await own.login();
	assert.match(info.nickName, /\p{Script=Han}/u);
	assert.match(info.openId, /^o/);
	const { data } = await own.get('user');
	assert.equal(data.data.nickName, info.nickName);
	assert.deepEqual(own.paths(), ['200 login', '200 user']);
});

test('v2 logs in by code alone', async () => {
	const own = phone('wafer2-client-sdk', 'nobody yet');
	const info = await promised(own.sdk.loginWithCode);
	assert.match(info.nickName, /^用户[0-9a-f]{4}$/);
	assert.match(info.avatarUrl, /\/avatar\?uid=[0-9a-f]{20}$/);
	assert.equal((await own.get('user')).data.data.nickName, info.nickName);
});

test('v2 logs in again by itself when the server has forgotten the session', async () => {
	const own = phone('wafer2-client-sdk', '小刚');
	await own.login();
	assert.equal((await endSession(own)).status, 200);
	const { data } = await own.get('user');
	assert.equal(data.code, 0);
	assert.deepEqual(own.paths(), ['200 login', '401 user', '200 login', '200 user']);
});

test('v2 does not log in again for errors that a login cannot mend', async () => {
	const own = phone('wafer2-client-sdk', '小刚');
	await own.login();
	const { statusCode } = await own.get('phone', { method: 'POST', data: {} });
	assert.equal(statusCode, 400);
	assert.deepEqual(own.paths(), ['200 login', '400 phone']);
});

for (const name of ['wafer-client-sdk', 'wafer2-client-sdk'])
	test(`${name} can read the tunnel's answer, and an error's`, async () => {
		const own = phone(name, '小明');
		await own.login();
		const { statusCode, data } = await own.get('tunnel');
		assert.equal(statusCode, 200);
		assert.equal(data.url, data.data.connectUrl);
		assert.match(data.url, /^ws:\/\/.*[?&]ticket=[0-9a-f]{64}&dialect=tunnel$/);
		assert.match(data.data.tunnelId, /^[0-9a-f]{32}$/);
		const wrong = await own.get(`tunnel?room=${'x'.repeat(65)}`);
		assert.equal(wrong.statusCode, 400);
		assert.deepEqual(wrong.data.data, {});
	});
