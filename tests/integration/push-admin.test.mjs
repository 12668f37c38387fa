// The operator's listener: who is let in, what the API does to live rooms, and what the metrics say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Person, metricSum, readMetrics, startOperated, token } from './lib/operator.mjs';

let sys;
before(async () => {
	sys = await startOperated();
});
after(() => sys?.stop());

const get = (where, headers = {}) => fetch(`${sys.admin}${where}`, { headers });
const bearer = { authorization: `Bearer ${token}` };

test('nobody gets in without the token', async () => {
	for (const where of ['/api/stats', '/api/rooms', '/api/no-such-call', '/metrics'])
		for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${token}` },
			{ authorization: `Bearer ${token}x` }, { authorization: `Bearer ${token.slice(0, -1)}` }]) {
			const answer = await get(where, headers);
			assert.equal(answer.status, 401, where);
			assert.match(answer.headers.get('www-authenticate'), /^Bearer/);
			assert.equal((await answer.json()).error, 'ERR_FORBIDDEN');
		}
	await sys.api('ban', { address: '192.0.2.1' }, { status: 401, bearer: '' });
	assert.equal((await sys.api('bans')).bans.length, 0);
});

test('the page loads without a token, and its policy lets nothing in', async () => {
	const [one, two] = await Promise.all([get('/'), get('/')]);
	const policy = one.headers.get('content-security-policy');
	const nonce = policy.match(/script-src 'nonce-([0-9a-f]{32})'/)[1];
	const html = await one.text();
	assert.equal(one.status, 200);
	assert.match(policy, /default-src 'none'/);
	assert.match(policy, /frame-ancestors 'none'/);
	assert.doesNotMatch(policy, /unsafe|\*/);
	assert.ok(html.includes(`<script nonce="${nonce}">`));
	assert.ok(!html.includes('@NONCE@'));
	assert.ok(!html.includes(token));
	assert.notEqual(two.headers.get('content-security-policy'), policy);
});

test('without a token file everybody is refused, with words that help', async (t) => {
	const own = await startOperated();
	t.after(() => own.stop());
	fs.rmSync(own.tokenFile);
	const refused = await own.api('stats', undefined, { status: 403 });
	assert.match(refused.message, /token_file/);
	fs.writeFileSync(own.tokenFile, '\n');
	await own.api('stats', undefined, { status: 403 });
	fs.writeFileSync(own.tokenFile, 'another-token-that-is-long-enough\n');
	await own.api('stats', undefined, { status: 401 });
	await own.api('stats', undefined, { bearer: 'another-token-that-is-long-enough' });
});

test('what is no call is refused in one style', async () => {
	await sys.api('nothing', undefined, { status: 404 });
	await sys.api('publish', undefined, { status: 405 });
	await sys.api('stats', {}, { status: 405 });
	await sys.api('publish', '{', { status: 400 });
	await sys.api('publish', '[]', { status: 400 });
	await sys.api('publish', { message: { a: 1 } }, { status: 400 });
	await sys.api('publish', { room: 'x'.repeat(65), message: { a: 1 } }, { status: 400 });
	await sys.api('publish', { room: 'r' }, { status: 400 });
	await sys.api('publish', { room: 'r', message: {} }, { status: 400 });
	// what makes clients drop their session is not said to a room
	await sys.api('publish', { room: 'r', message: { 'F2C224D4-2BCE-4C64-AF9F-A6D872000D1A': 1, error: 'x' } }, { status: 400 });
	await sys.api('publish', { room: 'r', message: { a: 'x'.repeat(20000) } }, { status: 413 });
	await sys.api('publish', { room: 'r', message: { a: 1 }, cid: 'x'.repeat(65) }, { status: 400 });
	await sys.api('ban', { uid: 'abc' }, { status: 400 });
	await sys.api('ban', { address: '1.2.3' }, { status: 400 });
	await sys.api('ban', { address: '192.0.2.1', seconds: -1 }, { status: 400 });
	await sys.api('recall', { room: 'r' }, { status: 400 });
	await sys.api('recall', { room: 'nowhere', id: 3 }, { status: 404 });
	await sys.api('unban', { address: '192.0.2.77' }, { status: 404 });
	await sys.api('enroll', { room: 'public', uid: '0'.repeat(20) }, { status: 400 });
	assert.equal((await get('/elsewhere')).status, 404);
});

test('bodies and headers are bounded', async () => {
	const large = await fetch(`${sys.admin}/api/publish`, { method: 'POST', headers: bearer, body: 'x'.repeat(300 << 10) })
		.catch(() => ({ status: 413 }));
	assert.equal(large.status, 413);
	const { hostname, port } = new URL(sys.admin);
	const socket = net.connect(Number(port), hostname);
	let said = '';
	socket.on('error', () => {});
	socket.on('data', (data) => { said += data; });
	socket.write(`GET /api/stats HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(20000)}\r\n\r\n`);
	await new Promise((resolve) => socket.on('close', resolve));
	assert.match(said, /^(HTTP\/1\.1 (400|413|431)|$)/);
	await sys.api('stats');
});

test('publish reaches the room, once for each cid', async () => {
	const lin = await Person.join(sys, 'lin', 'pub');
	const message = { text: true, content: '号外 </script>', id: 99, uid: 'forged', type: 'user', nickName: 'forged' };
	const first = await sys.api('publish', { room: 'pub', message, cid: 'job-1' });
	assert.equal(first.id, 1);
	assert.equal(first.room, 'pub');
	const heard = await lin.hear((m) => m.content === message.content);
	assert.equal(heard.type, 'remote');
	assert.equal(heard.id, 1);
	assert.equal(heard.uid, '0'.repeat(20));
	assert.equal(heard.nickName, '系统');
	assert.equal((await sys.api('publish', { room: 'pub', message, cid: 'job-1' })).id, 1);
	assert.equal((await sys.api('publish', { room: 'pub', message, cid: 'job-2' })).id, 2);
	await lin.hear((m) => m.id === 2);
	assert.equal(lin.heard.filter((m) => m.id === 1).length, 1);
	/* for a user: name and picture are the store's unless given */
	await sys.api('publish', { room: 'pub', text: 'as lin', uid: lin.uid });
	const own = await lin.hear((m) => m.content === 'as lin');
	assert.deepEqual([own.type, own.uid, own.nickName], ['user', lin.uid, lin.session.userinfo.nickName]);
	await sys.api('publish', { room: 'pub', text: 'as bot', nickName: '机器人', avatarUrl: 'https://x.example/a.png' });
	const bot = await lin.hear((m) => m.content === 'as bot');
	assert.deepEqual([bot.nickName, bot.avatarUrl], ['机器人', 'https://x.example/a.png']);
	await lin.leave();
});

test('many publications at once are all kept, in one order', async () => {
	const ids = (await Promise.all(Array.from({ length: 60 }, (_, i) =>
		sys.api('publish', { room: 'busy', text: `n${i}` })))).map((answer) => answer.id);
	assert.deepEqual([...ids].sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i + 1));
	const page = await sys.api('history?room=busy&limit=100');
	assert.deepEqual(page.messages.map((m) => m.id), Array.from({ length: 60 }, (_, i) => i + 1));
});

test('rooms and members are listed, history is paged', async () => {
	const people = [await Person.join(sys, '小明', 'list'), await Person.join(sys, '阿花', 'list')];
	const again = await Person.join(sys, '小明', 'list', { session: people[0].session });
	for (let i = 1; i <= 5; i++)
		await people[0].say(`第${i}句`);
	const room = (await sys.api('rooms')).rooms.find((r) => r.room === 'list');
	assert.deepEqual(room, { room: 'list', users: 2, connections: 3, id: 5 });
	const { members, num } = await sys.api(`members?${new URLSearchParams({ room: 'list' })}`);
	assert.equal(num, 2);
	const ming = members.find((m) => m.uid === people[0].uid);
	assert.equal(ming.connections, 2);
	assert.equal(ming.nickName, people[0].session.userinfo.nickName);
	const last = await sys.api('history?room=list&limit=2');
	assert.deepEqual(last.messages.map((m) => m.content), ['第4句', '第5句']);
	assert.equal(last.more, true);
	assert.deepEqual((await sys.api('history?room=list&before=3')).messages.map((m) => m.id), [1, 2]);
	const up = await sys.api('history?room=list&after=1&limit=2');
	assert.deepEqual([up.messages.map((m) => m.id), up.more], [[2, 3], true]);
	assert.deepEqual((await sys.api('history?room=list&after=5')).messages, []);
	assert.deepEqual((await sys.api('history?room=unheard-of')).messages, []);
	assert.ok((await sys.api('rooms?kept=1')).rooms.some((r) => r.room === 'list' && r.id === 5));
	await Promise.all([...people, again].map((p) => p.leave()));
});

test('a page of long messages holds fewer, all of them whole, and says that there are more', async (t) => {
	const own = await startOperated({ config: { push: { rate: 0, max_message_kb: 1024 }, history: { map_size_mb: 256 } } });
	t.after(() => own.stop());
	const p = await Person.join(own, '小明', 'long');
	const count = 70, content = 'x'.repeat(1000000);
	for (let i = 0; i < count; i++)
		assert.equal((await p.ask({ content, i })).type, 'user');
	let page = await own.api('history?room=long&limit=100');
	assert.equal(page.messages.at(-1).id, count);
	const down = [];
	for (;; page = await own.api(`history?room=long&limit=100&before=${down[0]}`)) {
		assert.ok(page.messages.length > 0 && page.messages.every((m) => m.content === content));
		down.unshift(...page.messages.map((m) => m.id));
		if (!page.more)
			break;
	}
	const up = [];
	do {
		page = await own.api(`history?room=long&limit=100&after=${up.at(-1) ?? 0}`);
		up.push(...page.messages.map((m) => m.id));
	} while (page.more);
	for (const ids of [down, up])
		assert.deepEqual(ids, Array.from({ length: count }, (_, i) => i + 1));
});

test('a recalled message is gone for everybody', async () => {
	const ann = await Person.join(sys, 'ann', 'oops');
	const { id } = await ann.say('the secret word');
	await sys.api('recall', { room: 'oops', id });
	assert.equal((await ann.hear((m) => m.event === 'recall')).id, id);
	const page = await sys.api('history?room=oops');
	assert.equal(page.messages[0].recalled, true);
	assert.ok(!JSON.stringify(page).includes('secret'));
	await ann.leave();
});

test('a ban ends live connections and keeps them out, until it is taken back', async () => {
	const bad = await Person.join(sys, 'bad', 'ban');
	const good = await Person.join(sys, 'good', 'ban');
	await sys.api('ban', { uid: bad.uid, reason: 'spam', seconds: 3600 });
	assert.equal(await bad.closed, 4403);
	assert.equal(bad.heard.at(-1).error, 'ERR_BANNED');
	const [entry] = (await sys.api('bans')).bans;
	assert.equal(entry.uid, bad.uid);
	assert.equal(entry.reason, 'spam');
	assert.equal(entry.nickName, bad.session.userinfo.nickName);
	assert.ok(entry.until > Date.now());
	const back = await Person.join(sys, 'bad', null, { session: bad.session });
	assert.equal(await back.closed, 4403);
	await sys.api('unban', { uid: bad.uid });
	await (await Person.join(sys, 'bad', 'ban', { session: bad.session })).leave();
	await good.say('still here');
	await sys.api('ban', { address: '::ffff:127.0.0.1' });
	assert.equal(await good.closed, 4403);
	assert.deepEqual((await sys.api('bans')).bans, [{ address: '127.0.0.1' }]);
	await sys.api('unban', { address: '127.0.0.1' });
	assert.deepEqual((await sys.api('bans')).bans, []);
});

test('a mute silences in one room or in all', async () => {
	const loud = await Person.join(sys, 'loud', 'mute');
	await sys.api('mute', { room: 'mute', uid: loud.uid, seconds: 600 });
	assert.equal((await loud.ask({ text: true, content: 'a' })).reason, 'ERR_MUTED');
	assert.deepEqual((await sys.api('mutes?room=mute')).mutes.map((m) => [m.uid, m.room]), [[loud.uid, 'mute']]);
	await sys.api('unmute', { room: 'mute', uid: loud.uid });
	assert.equal((await loud.ask({ text: true, content: 'b' })).type, 'user');
	await sys.api('mute', { uid: loud.uid });
	assert.equal((await loud.ask({ text: true, content: 'c' })).reason, 'ERR_MUTED');
	assert.deepEqual((await sys.api('mutes')).mutes.map((m) => m.room), [null]);
	await sys.api('unmute', { uid: loud.uid });
	assert.equal((await loud.ask({ text: true, content: 'd' })).type, 'user');
	await sys.api('unmute', { uid: loud.uid }, { status: 404 });
	await loud.leave();
});

test('kick puts out of a room, disconnect out of all', async () => {
	const joe = await Person.join(sys, 'joe', 'kick');
	await joe.ask({ op: 'join', room: 'second' });
	await sys.api('kick', { room: 'kick', uid: joe.uid });
	await joe.hear((m) => m.event === 'kicked' && m.room === 'kick');
	assert.equal((await sys.api('members?room=kick')).members.length, 0);
	assert.equal((await sys.api('members?room=second')).members.length, 1);
	await sys.api('disconnect', { uid: joe.uid });
	assert.equal(await joe.closed, 1001);
});

test('private rooms admit who is enrolled, and put out who is dismissed', async () => {
	const eve = await Person.join(sys, 'eve', 'lobby');
	assert.equal((await eve.ask({ op: 'join', room: '@team' })).reason, 'ERR_FORBIDDEN');
	await sys.api('enroll', { room: '@team', uid: eve.uid });
	assert.equal((await eve.ask({ op: 'join', room: '@team' })).event, 'welcome');
	assert.deepEqual((await sys.api('enrolled?room=@team')).enrolled.map((m) => m.uid), [eve.uid]);
	await sys.api('dismiss', { room: '@team', uid: eve.uid });
	await eve.hear((m) => m.event === 'kicked' && m.room === '@team');
	assert.equal((await eve.ask({ op: 'join', room: '@team' })).reason, 'ERR_FORBIDDEN');
	await sys.api('dismiss', { room: '@team', uid: eve.uid }, { status: 404 });
	await eve.leave();
});

test('a moderator may what others may not', async () => {
	const mod = await Person.join(sys, 'mod', 'mods'), other = await Person.join(sys, 'other', 'mods');
	const { id } = await other.say('mine');
	assert.equal((await mod.ask({ op: 'recall', id })).reason, 'ERR_FORBIDDEN');
	await sys.api('moderator', { room: 'mods', uid: mod.uid });
	assert.deepEqual((await sys.api('moderators')).moderators.map((m) => [m.uid, m.room]), [[mod.uid, 'mods']]);
	assert.equal((await mod.ask({ op: 'recall', id })).event, 'recalled');
	await sys.api('moderator', { room: 'mods', uid: mod.uid, on: false });
	const next = await other.say('mine too');
	assert.equal((await mod.ask({ op: 'recall', id: next.id })).reason, 'ERR_FORBIDDEN');
	await Promise.all([mod.leave(), other.leave()]);
});

test('a broadcast is a message in every room that has members, once for each cid', async () => {
	const a = await Person.join(sys, 'ba', 'b-one'), b = await Person.join(sys, 'bb', 'b-two');
	const { rooms } = await sys.api('rooms');
	const answer = await sys.api('broadcast', { message: { text: true, content: '停机通知' }, cid: 'b1' });
	assert.equal(answer.rooms, rooms.length);
	assert.equal(answer.failed, 0);
	const one = await a.hear((m) => m.content === '停机通知');
	await b.hear((m) => m.content === '停机通知');
	await sys.api('broadcast', { message: { text: true, content: '停机通知' }, cid: 'b1' });
	await a.say('after');
	assert.equal(a.heard.filter((m) => m.content === '停机通知').length, 1);
	assert.ok((await sys.api('history?room=b-one')).messages.some((m) => m.id === one.id));
	await Promise.all([a.leave(), b.leave()]);
});

test('the metrics are as Prometheus wants them, and count', async () => {
	const read = async () => {
		const answer = await get('/metrics', bearer);
		assert.equal(answer.status, 200);
		assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
		return readMetrics(await answer.text());
	};
	const before_ = await read();
	const kim = await Person.join(sys, 'kim', 'metrics');
	for (let i = 0; i < 10; i++)
		await kim.say(`m${i}`);
	const after_ = await read();
	const grown = (name) => metricSum(after_, name) - metricSum(before_, name);
	assert.equal(grown('wxchat_push_messages_in_total'), 10);
	assert.ok(grown('wxchat_push_messages_out_total') >= 10);
	assert.ok(grown('wxchat_push_bytes_in_total') > 100);
	assert.equal(grown('wxchat_history_appended_total'), 10);
	assert.ok(metricSum(after_, 'wxchat_push_connections') >= 1);
	assert.ok(after_.wxchat_push_connections.samples.every((s) => /^\d+$/.test(s.labels.worker)));
	assert.ok(after_.wxchat_push_fanout_duration_seconds.samples.find((s) => s.name.endsWith('_count')).value > 0);
	assert.ok(metricSum(after_, 'process_open_fds') > 5);
	assert.ok(metricSum(after_, 'process_resident_memory_bytes') > 1 << 20);
	/* the login program adds up for a moment before it writes its counters down */
	const logins = (families) => families.wxchat_login_events_total.samples.find((s) => s.labels.kind === 'login_ok').value;
	while (logins(await read()) === 0)
		await sleep(100);
	assert.ok(metricSum(after_, 'wxchat_users') > 0);
	await kim.leave();
});

test('the codes that clients close with are not counted as the server’s own', async () => {
	const names = ['session', 'banned', 'slow', 'rate', 'protocol'];
	const read = async () => {
		const families = readMetrics(await (await get('/metrics', bearer)).text());
		return names.map((name) => metricSum(families, `wxchat_push_closed_${name}_total`));
	};
	const before_ = await read();
	for (const code of [4401, 4403, 4408, 4429, 1002, 1007, 1009]) {
		const kim = await Person.join(sys, 'kim', 'codes');
		kim.socket._sender.close(code, '', true, () => {});	// ws itself sends no other's codes
		assert.equal(await kim.closed, code);
	}
	assert.deepEqual(await read(), before_);
	const kim = await Person.join(sys, 'kim', 'codes');
	kim.socket._socket.write(Buffer.from('8f8000000000', 'hex'));
	assert.equal(await kim.closed, 1002);
	assert.deepEqual(await read(), before_.map((n, i) => n + (i === 4)));
});

test('stats sums up for the console', async () => {
	const stats = await sys.api('stats');
	for (const name of ['connections', 'authorised', 'messages_in', 'messages_out', 'lag_us', 'lag_max_us', 'uptime_s'])
		assert.equal(typeof stats[name], 'number', name);
	assert.ok(stats.process.cpu_us > 0 && stats.process.private_bytes > 0);
});

test('a restart with requests under way answers them or not, and ends at once', async (t) => {
	const own = await startOperated();
	t.after(() => own.stop());
	const flood = Array.from({ length: 50 }, (_, i) => own.api('publish', { room: 'r', text: `${i}` }).catch((e) => e));
	await flood[0];
	const ended = await own.pushProgram.stop();
	await Promise.all(flood);
	assert.equal(ended.code, 0);
});
