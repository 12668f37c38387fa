// How long sessions live, how many there may be, and what they survive.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSystem } from './lib/system.mjs';

const alive = async (sys, s) => (await sys.call('GET', 'user', { headers: s.headers })).status === 200;

let sys;
before(async () => {
	sys = await startSystem({ config: { session: { per_user: 3 }, login: { check_session: 'on' } } });
});
after(() => sys?.stop());

test('a user may have some sessions, and the oldest gives way', async () => {
	const all = [];
	for (let i = 0; i < 4; i++)
		all.push(await sys.login('devices', { codeOnly: true }));
	assert.deepEqual(await Promise.all(all.map((s) => alive(sys, s))), [false, true, true, true]);
	assert.equal(new Set(all.map((s) => s.uid)).size, 1);
});

test('logging out ends one session, or all', async () => {
	const [a, b, c] = [await sys.login('out'), await sys.login('out'), await sys.login('out')];
	assert.deepEqual((await sys.call('POST', 'logout', { headers: a.headers })).body, { code: 0, data: { ended: 1 } });
	assert.deepEqual([await alive(sys, a), await alive(sys, b)], [false, true]);
	assert.deepEqual((await sys.call('POST', 'logout', { headers: b.headers, query: { all: 1 } })).body,
		{ code: 0, data: { ended: 2 } });
	assert.deepEqual([await alive(sys, b), await alive(sys, c)], [false, false]);
	assert.equal((await sys.call('POST', 'logout', { headers: c.headers })).status, 401);
});

test('WeChat is asked about its session_key when the client asks', async () => {
	const s = await sys.login('key');
	const ask = async (wechat) => (await sys.call('GET', 'user', { headers: s.headers, query: { wechat } }));
	assert.equal((await ask('1')).body.wechatSession, true);
	await sys.wx('login', 'key', { newKey: true }).then(({ code }) => sys.call('POST', 'login', { json: { code } }));
	assert.equal((await ask('1')).body.wechatSession, false);
	const renewed = await sys.login('key');
	const reset = await sys.call('GET', 'user', { headers: renewed.headers, query: { wechat: 'reset' } });
	assert.equal(reset.body.wechatSession, true, reset.text);
	const after = await sys.call('GET', 'user', { headers: renewed.headers, query: { wechat: 1 } });
	assert.equal(after.body.wechatSession, true, after.text);
	assert.ok(!reset.text.includes('session_key'));
});

test('a session ends when its time is over', async (t) => {
	const own = await startSystem({ config: { session: { max_age: 1 } } });
	t.after(() => own.stop());
	const s = await own.login('short');
	await sleep(s.answer.body.session.expires * 1000 + 1001 - Date.now());
	const answer = await own.call('GET', 'user', { headers: s.headers });
	assert.equal(answer.body.error, 'ERR_INVALID_SESSION');
});

test('a session in use lives on', async (t) => {
	const own = await startSystem({ config: { session: { max_age: 5 } } });
	t.after(() => own.stop());
	const s = await own.login('used');
	const end_ms = s.answer.body.session.expires * 1000 + 1500;
	while (Date.now() < end_ms) {
		await sleep(300);
		assert.ok(await alive(own, s), 'it ended in use');
	}
});

test('an acknowledged login survives kill -9', async (t) => {
	const own = await startSystem({ web: 'nginx' });
	t.after(() => own.stop());
	const sessions = [];
	for (let round = 0; round < 3; round++) {
		const pending = await new Promise((enough) => {
			let count = 0;
			const all = Array.from({ length: 8 }, (_, i) => own.login(`killed ${i}`, { codeOnly: true }).then((s) => {
				sessions.push(s);
				if (++count === 3)
					setImmediate(() => enough({ all }));
			}, () => {}));
		});
		await own.loginProgram.kill('SIGKILL');
		await Promise.all(pending.all);
		await own.startLogin();
	}
	for (const s of sessions)
		assert.ok(await alive(own, s), 'an acknowledged session is gone');
});

test('SIGTERM lets a login end that has begun, and exits 0', async (t) => {
	const own = await startSystem({ web: 'nginx' });
	t.after(() => own.stop());
	await own.fault('delay', { ms: 600 });
	const code = await own.code('late');
	const pending = own.call('POST', 'login', { json: { code } });
	for (;;) {
		const { counts } = await own.sandbox('GET', 'log');
		if (counts['/sns/jscode2session'])
			break;
	}
	const ended = own.loginProgram.kill('SIGTERM');
	assert.equal((await pending).status, 200);
	assert.deepEqual(await ended, { code: 0, signal: null });
});

test('SIGHUP reads the configuration again', async (t) => {
	const own = await startSystem({ config: { login: { rate_per_address: 0 } } });
	t.after(() => own.stop());
	const s = await own.login('reload');
	own.rewriteConfig({ login: { base_url: 'https://chat.example.com' }, push: { url: '' } });
	own.loginProgram.child.kill('SIGHUP');
	await own.loginProgram.line(/ reloaded /);
	const { body } = await own.call('GET', 'tunnel', { headers: s.headers });
	assert.match(body.url, /^wss:\/\/chat\.example\.com\/ws\?ticket=/);
	own.rewriteConfig({ login: { threads: 'many' } });
	own.loginProgram.child.kill('SIGHUP');
	assert.match(await own.loginProgram.line(/ reload-refused .*/).then((m) => m[0]), /wxchat\.conf:\d+: threads/);
	assert.ok(await alive(own, s), 'a refused reload harmed what was there');
});

test('one address, and one user, may log in so often', async (t) => {
	const own = await startSystem({ config: { login: { rate_per_address: '6/m', rate_per_user: '2/m' } } });
	t.after(() => own.stop());
	const statuses = [];
	for (const user of ['a', 'a', 'a', 'b', 'b', 'c', 'd']) {
		const answer = await own.call('POST', 'login', { json: { code: await own.code(user) } });
		statuses.push(answer.status);
		if (answer.status === 429) {
			assert.equal(answer.body.error, 'ERR_RATE_LIMITED');
			assert.match(answer.headers.get('retry-after'), /^[1-9]\d*$/);
		}
	}
	assert.deepEqual(statuses, [200, 200, 429, 200, 200, 200, 429]);
});

test('who lives in one IPv6 network is one, whatever the address', async (t) => {
	const own = await startSystem({ web: 'lighttpd', config: { login: { rate_per_address: '2/m', trusted_proxies: '127.0.0.1' } } });
	t.after(() => own.stop());
	const from = async (address) => (await own.call('POST', 'login',
		{ json: { code: await own.code(address) }, headers: { 'x-forwarded-for': address } })).status;
	assert.deepEqual([await from('2001:db8::1'), await from('2001:db8::2'), await from('2001:db8::ffff:3')], [200, 200, 429]);
	assert.equal(await from('2001:db8:0:1::1'), 200);
});

test('one user may have WeChat asked so often, by whatever route', async (t) => {
	const own = await startSystem({ config: { login: { rate_wechat: '3/m', check_session: 'on', check_profile: 'on' } } });
	t.after(() => own.stop());
	const s = await own.login('curious'), other = await own.login('other');
	const phone = () => own.call('POST', 'phone', { headers: s.headers, json: { code: 'invented' } });
	const session = (who) => own.call('GET', 'user', { headers: who.headers, query: { wechat: 1 } });
	const name = (nickName) => own.call('POST', 'profile', { headers: s.headers, json: { nickName } });
	assert.deepEqual([(await phone()).status, (await session(s)).status, (await name('新名')).status], [400, 200, 200]);
	for (const refused of [await phone(), await session(s), await name('更新的名')]) {
		assert.deepEqual([refused.status, refused.body.error], [429, 'ERR_RATE_LIMITED']);
		assert.match(refused.headers.get('retry-after'), /^[1-9]\d*$/);
	}
	assert.equal((await name('新名')).status, 200, 'the name that is there already is no question');
	assert.equal((await own.call('GET', 'user', { headers: s.headers })).status, 200);
	assert.equal((await session(other)).status, 200);
});

test('when too many wait for WeChat the others are told so soon, and sessions are still served', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { login: { threads: 8, queue_max: 2 }, wechat: { timeout_ms: 5000 } } });
	t.after(() => own.stop());
	const s = await own.login('before');
	await own.fault('delay', { ms: 1000 });
	const codes = await Promise.all(Array.from({ length: 6 }, (_, i) => own.code(`queue ${i}`)));
	const answers = Promise.all(codes.map((code) => own.call('POST', 'login', { json: { code } })));
	assert.ok(await alive(own, s));
	const statuses = (await answers).map((answer) => answer.status).sort();
	assert.deepEqual(statuses, [200, 200, 503, 503, 503, 503]);
	const busy = (await answers).find((answer) => answer.status === 503);
	assert.equal(busy.body.error, 'ERR_WECHAT_BUSY');
	assert.match(busy.headers.get('retry-after'), /^\d+$/);
});

test('logins that wait for a slow WeChat hold up nobody who does not need it', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { login: { threads: 8 }, wechat: { timeout_ms: 5000 } } });
	t.after(() => own.stop());
	const s = await own.login('before');
	await own.fault('delay', { ms: 1500 });
	const codes = await Promise.all(Array.from({ length: 30 }, (_, i) => own.code(`slow ${i}`)));
	let loggedIn = 0;
	const logins = codes.map(async (code) => {
		const { status } = await own.call('POST', 'login', { json: { code } });
		loggedIn += status === 200;
		return status;
	});
	assert.equal((await own.call('GET', 'health')).status, 200);
	assert.ok(await alive(own, s));
	assert.equal(loggedIn, 0, 'others had to wait for WeChat');
	const statuses = await Promise.all(logins);
	assert.deepEqual(statuses.filter((status) => status === 200).length, 8);
	assert.deepEqual(statuses.filter((status) => status !== 200 && status !== 503), []);
});

test('a login that waits for WeChat ends as it began, whatever is reloaded meanwhile', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { wechat: { timeout_ms: 5000 } } });
	t.after(() => own.stop());
	await own.fault('delay', { ms: 700 });
	const code = await own.code('reload');
	const login = own.call('POST', 'login', { json: { code } });
	while (((await own.sandbox('GET', 'log')).counts['/sns/jscode2session'] ?? 0) === 0)
		await sleep(5);
	own.rewriteConfig({ session: { max_age: 5 } });
	own.loginProgram.child.kill('SIGHUP');
	await own.loginProgram.line(/ reloaded /);
	const { status, body } = await login;
	assert.equal(status, 200);
	assert.ok(body.session.expires - body.data.time > 5, 'the new life came over an old login');
	await own.noFaults();
	const next = (await own.call('POST', 'login', { json: { code: await own.code('reload') } })).body;
	assert.equal(next.session.expires - next.data.time, 5);
});

test('credentials may come in parts, and beside what a gateway adds', async () => {
	const s = await sys.login('parts');
	const jwt = { authorization: `Bearer ${'eyJhbGciOiJIUzI1NiJ9.'.repeat(20)}x` };
	const shown = async (headers, query) => (await sys.call('GET', 'user', { headers, query })).status;
	assert.equal(await shown({ 'x-wx-id': s.id }, { 'X-WX-Skey': s.skey }), 200);
	assert.equal(await shown({ 'x-wx-skey': s.skey }, { 'x-wx-id': s.id }), 200);
	assert.equal(await shown({ ...s.headers, ...jwt }), 200);
	assert.equal(await shown(jwt, { 'X-WX-Skey': s.both }), 200);
	assert.equal(await shown({ 'x-wx-skey': s.both }, { 'X-WX-Id': 'somebody else' }), 200);
	assert.equal(await shown({ 'x-wx-skey': 'undefined' }, { 'X-WX-Skey': s.both }), 200);
	assert.equal(await shown({ 'x-wx-id': s.id, 'x-wx-skey': 'undefined' }, { 'X-WX-Id': s.id, 'X-WX-Skey': s.skey }), 200);
	assert.equal(await shown(jwt), 401);
	assert.equal(await shown({ 'x-wx-skey': 'undefined' }), 401);
	assert.equal(await shown({ 'x-wx-id': s.id }, { 'X-WX-Skey': 'f'.repeat(64) }), 401);
});

test('a WeChat that is dead is waited for by one at a time, and is asked as soon as it is back', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { wechat: { timeout_ms: 1500 } } });
	t.after(() => own.stop());
	const s = await own.login('before');
	const logins = async (codes) => (await Promise.all(codes.map((code) => own.call('POST', 'login', { json: { code } }))))
		.sort((a, b) => a.status - b.status);
	const asked = async () => (await own.sandbox('GET', 'log')).counts['/sns/jscode2session'];
	await own.fault('hang');
	const before = await asked();
	assert.deepEqual((await logins(['a', 'b', 'c', 'd', 'e'])).map(({ status }) => status), [504, 504, 504, 504, 504]);
	const [busy, , waited] = await logins(['f', 'g', 'h']);
	assert.deepEqual([busy.status, busy.body.error], [503, 'ERR_WECHAT_BUSY']);
	assert.match(busy.headers.get('retry-after'), /^\d+$/);
	assert.deepEqual([waited.status, waited.body.error], [504, 'ERR_WECHAT_TIMEOUT']);
	assert.equal(await asked(), before + 6);
	assert.ok(await alive(own, s));
	await own.noFaults();
	for (const user of ['first', 'second'])
		await own.login(user);
});
