// wxchatctl: users and sessions from the store, rooms by the push server, copies, and the doctor.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Person, startOperated } from './lib/operator.mjs';
import { bin } from './lib/system.mjs';

let sys;
before(async () => {
	sys = await startOperated();
});
after(() => sys?.stop());

// Runs it: { code, out, err, lines } with lines parsed when --json was given.
function run(own, args, env = {}) {
	return new Promise((resolve) => {
		execFile(path.join(bin, 'wxchatctl'), ['-c', own.file('wxchat.conf'), ...args], {
			env: { ...process.env, WXCHAT_ADMIN_LISTEN: new URL(own.admin).host, ...env },
		}, (error, out, err) => resolve({
			code: error ? error.code : 0, out, err,
			lines: args.includes('--json') ? out.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : null,
		}));
	});
}
const ctl = (...args) => run(sys, args);

async function ctlOk(...args) {
	const r = await ctl(...args);
	assert.equal(r.code, 0, r.err + r.out);
	return r;
}

test('says how it is used, and refuses what it does not know', async () => {
	const help = await ctl('--help');
	assert.equal(help.code, 0);
	for (const word of ['sessions', 'revoke', 'publish', 'export', 'backup', 'restore', 'doctor'])
		assert.match(help.out, new RegExp(`^  ${word} `, 'm'));
	assert.equal((await ctl()).code, 2);
	assert.equal((await ctl('frobnicate')).code, 2);
	assert.equal((await ctl('members')).code, 2);
	assert.equal((await ctl('users', '--frobnicate')).code, 2);
	assert.match((await ctl('-V')).out, /^wxchatctl \d/);
});

test('an option that does not go with the command is refused, and nothing is done', async () => {
	const uid = '0123456789abcdef0123';
	for (const args of ['ban UID --room lobby', 'unban UID --for 1h', 'kick UID --for 1h', 'kick UID --reason R', 'mute UID --reason R',
		'enroll @team UID --for 2h', 'dismiss @team UID --room @team', 'moderator add UID --for 1h', 'rooms --limit 5',
		'members lobby --all', 'mutes --room lobby', 'history lobby --cid 1', 'recall lobby 1 --room lobby', 'sessions --uid UID',
		'revoke 01234567 --yes', 'backup DIR --all', 'doctor --all']) {
		const [name, ...rest] = args.split(' ').map((word) => (word === 'UID' ? uid : word));
		const r = await ctl(name, ...rest);
		assert.equal(r.code, 2, args);
		const option = rest.find((word) => word.startsWith('--'));
		assert.match(r.err, new RegExp(`^wxchatctl: ${option} does not go with ${name}; usage: wxchatctl ${name} `), args);
	}
	for (const list of ['bans', 'mutes', 'enrolled', 'moderators'])
		assert.equal((await ctlOk(list)).out, '');
	assert.match((await ctl('--json', 'ban', uid, '--roo=lobby')).err, /^wxchatctl: --room does not go with ban/, 'before the command, and shortened');
});

test('lists users and finds one', async () => {
	const s = await sys.login('小明');
	const { lines } = await ctlOk('users', '--json');
	const user = lines.find((u) => u.uid === s.uid);
	assert.equal(user.nickName, s.userinfo.nickName);
	assert.match(user.openid, /^\S+$/);
	for (const name of [s.uid, user.openid])
		assert.equal((await ctlOk('user', name, '--json')).lines[0].uid, s.uid);
	assert.match((await ctlOk('users', s.uid)).out, /UID .*\n[0-9a-f]{20}  .*\n$/);
	const { code } = await sys.wx('phone', '小明');
	const { phoneNumber } = (await sys.call('POST', 'phone', { headers: s.headers, json: { code } })).body.data;
	assert.equal((await ctlOk('users', phoneNumber.slice(3), '--json')).lines[0].uid, s.uid);
	assert.equal((await ctl('user', 'nobody')).code, 3);
	assert.equal((await ctl('users', 'no such pattern')).code, 3);
});

test('names that would play with the terminal are shown harmless', async () => {
	const s = await sys.login('esc', { codeOnly: true });
	await sys.sandbox('PUT', 'user', { user: 'esc', nickName: 'a\u001b[31mb\u009bc' });
	const t = await sys.login('esc');
	assert.equal(t.uid, s.uid);
	const { out } = await ctlOk('users', s.uid);
	assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('lists, shows and revokes sessions; live sockets end with them', async () => {
	const a = await sys.login('rev'), b = await sys.login('rev');
	const mine = (await ctlOk('sessions', a.uid, '--json')).lines;
	assert.deepEqual(new Set(mine.map((s) => s.id)), new Set([a.id, b.id]));
	assert.ok(mine.every((s) => s.expires > Date.now() && !JSON.stringify(s).includes(a.skey)));
	assert.equal((await ctlOk('session', a.id.slice(0, 16), '--json')).lines[0].uid, a.uid);
	assert.equal((await ctl('session', '0000')).code, 2);
	assert.equal((await ctl('session', '0'.repeat(16))).code, 3);
	const [one, two] = [await Person.join(sys, 'rev', 'r', { session: a }), await Person.join(sys, 'rev', 'r', { session: b })];
	await ctlOk('revoke', a.id.slice(0, 12));
	assert.equal(await one.closed, 4401);
	assert.equal(one.heard.at(-1).error, 'ERR_INVALID_SESSION');
	assert.equal((await ctlOk('revoke', '--uid', b.uid, '--json')).lines[0].revoked, 1);
	assert.equal(await two.closed, 4401);
	assert.equal((await ctl('revoke')).code, 2);
	assert.equal((await ctl('revoke', '--uid', 'nobody')).code, 3);
});

test('publishes, reads, recalls and exports', async () => {
	const ann = await Person.join(sys, 'ann', '聊天');
	assert.match((await ctlOk('publish', '聊天', '大家好', '--cid', 'k1')).out, /^message 1\n$/);
	assert.equal((await ann.hear((m) => m.id === 1)).content, '大家好');
	assert.equal((await ctlOk('publish', '聊天', '大家好', '--cid', 'k1', '--json')).lines[0].id, 1);
	await ctlOk('publish', '聊天', '--message', '{"gallery":true,"url":"https://x.example/a.jpg"}', '--nick', '机器人');
	assert.equal((await ann.hear((m) => m.id === 2)).nickName, '机器人');
	assert.equal((await ctl('publish', '聊天', '--message', '{')).code, 2);
	assert.equal((await ctl('publish', '聊天')).code, 2);
	assert.equal((await ctlOk('broadcast', '通知')).out, 'said in 1 room\n');
	assert.equal((await ann.hear((m) => m.id === 3)).content, '通知');
	assert.match((await ctlOk('history', '聊天')).out, /大家好/);
	assert.equal((await ctlOk('history', '聊天', '--before', '3', '--limit', '1', '--json')).lines[0].id, 2);
	await ctlOk('recall', '聊天', '1');
	assert.equal((await ctl('recall', '聊天', '99')).code, 3);
	const exported = (await ctlOk('export', '聊天', '--json')).lines;
	assert.deepEqual(exported.map((m) => m.id), [1, 2, 3]);
	assert.equal(exported[0].recalled, true);
	assert.ok(!JSON.stringify(exported).includes('大家好'));
	assert.ok((await ctlOk('export', '--all')).out.split('\n').filter(Boolean).map((l) => JSON.parse(l)).length >= 3);
	assert.equal((await ctl('export')).code, 2);
	const room = (await ctlOk('rooms', '--json')).lines.find((r) => r.room === '聊天');
	assert.deepEqual(room, { room: '聊天', users: 1, connections: 1, id: 3 });
	assert.match((await ctlOk('rooms', '--all')).out, /聊天/);
	assert.equal((await ctlOk('members', '聊天', '--json')).lines[0].uid, ann.uid);
	await ann.leave();
});

test('an export of many pages is whole', async () => {
	await Promise.all(Array.from({ length: 700 }, (_, i) => sys.api('publish', { room: 'long', text: `${i}` })));
	const { out } = await ctlOk('export', 'long');
	assert.deepEqual(out.split('\n').filter(Boolean).map((line) => JSON.parse(line).id), Array.from({ length: 700 }, (_, i) => i + 1));
});

test('mutes, kicks, bans, enrols and appoints', async () => {
	const bob = await Person.join(sys, 'bob', 'act');
	await ctlOk('mute', bob.uid, '--room', 'act', '--for', '10m');
	assert.equal((await bob.ask({ text: true, content: 'x' })).reason, 'ERR_MUTED');
	assert.equal((await ctlOk('mutes', '--json')).lines[0].uid, bob.uid);
	await ctlOk('unmute', bob.uid, '--room', 'act');
	assert.equal((await bob.ask({ text: true, content: 'y' })).type, 'user');
	assert.equal((await ctl('mute', bob.uid, '--for', 'soon')).code, 2);
	await ctlOk('enroll', '@club', bob.uid);
	assert.equal((await bob.ask({ op: 'join', room: '@club' })).event, 'welcome');
	assert.match((await ctlOk('enrolled', '@club')).out, new RegExp(bob.uid));
	await ctlOk('dismiss', '@club', bob.uid);
	await ctlOk('moderator', 'add', bob.uid);
	assert.equal((await ctlOk('moderators', '--json')).lines[0].room, null);
	await ctlOk('moderator', 'remove', bob.uid);
	await ctlOk('kick', bob.uid, '--room', 'act');
	await bob.hear((m) => m.event === 'kicked' && m.room === 'act');
	await ctlOk('ban', bob.uid, '--for', '1h', '--reason', 'test');
	assert.equal(await bob.closed, 4403);
	assert.match((await ctlOk('bans')).out, /test/);
	await ctlOk('unban', bob.uid);
	assert.equal((await ctl('unban', bob.uid)).code, 3);
	await ctlOk('ban', '192.0.2.9');
	assert.equal((await ctlOk('bans', '--json')).lines[0].address, '192.0.2.9');
	await ctlOk('unban', '192.0.2.9');
});

test('says when the push server is not there', async () => {
	const r = await run(sys, ['rooms'], { WXCHAT_ADMIN_LISTEN: '127.0.0.1:1' });
	assert.equal(r.code, 4);
	assert.match(r.err, /does not answer/);
	assert.equal((await run(sys, ['rooms'], { WXCHAT_ADMIN_LISTEN: '' })).code, 2);
});

test('asks at the TCP address, or at a unix socket where there is no other', async (t) => {
	const nowhere = `unix:${sys.file('nobody.sock')}`;
	assert.equal((await run(sys, ['rooms'], { WXCHAT_ADMIN_LISTEN: `${nowhere}, ${new URL(sys.admin).host}` })).code, 0);
	const r = await run(sys, ['rooms'], { WXCHAT_ADMIN_LISTEN: nowhere });
	assert.equal(r.code, 4);
	assert.match(r.err, /does not answer at \[admin\] listen = unix:.*nobody\.sock/);

	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-ctl-')), unix = `unix:${dir}/admin.sock`;
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const own = await startOperated({ env: { WXCHAT_ADMIN_LISTEN: `127.0.0.1:0, ${unix}` } });
	t.after(() => own.stop());
	const person = await Person.join(own, 'unix', 'by-socket');
	for (const listen of [unix, `${unix}, ${nowhere}`]) {
		const rooms = await run(own, ['rooms', '--json'], { WXCHAT_ADMIN_LISTEN: listen });
		assert.equal(rooms.code, 0, rooms.err);
		assert.deepEqual(rooms.lines.map((room) => room.room), ['by-socket']);
	}
	const looked = await run(own, ['doctor', '--json'], { WXCHAT_ADMIN_LISTEN: unix });
	assert.ok(looked.lines.some((c) => c.check === 'push-server' && /it runs, with 1 connection$/.test(c.message)), looked.out);
	await person.leave();
});

test('a backup is taken hot and put back; clients are told that the history is another', async (t) => {
	const own = await startOperated();
	t.after(() => own.stop());
	const into = own.file('backup');
	const eve = await Person.join(own, 'eve', 'keep');
	await eve.say('one');
	await eve.say('two');
	const backup = await run(own, ['backup', into]);
	assert.equal(backup.code, 0, backup.err);
	assert.equal((await run(own, ['backup', into])).code, 1, 'a backup never writes over another');
	await eve.say('lost');
	const { epoch } = eve.welcome;
	const early = await run(own, ['restore', into, '--yes']);
	assert.equal(early.code, 1);
	assert.match(early.err, /stop fcgi-login and push-server/);
	await own.pushProgram.stop();
	await own.loginProgram.stop();
	assert.equal((await run(own, ['restore', into])).code, 2, 'not without --yes');
	assert.equal((await run(own, ['restore', own.file('media'), '--yes'])).code, 3);
	fs.mkdirSync(own.file('wrong'));
	fs.cpSync(path.join(into, 'history'), own.file('wrong', 'sessions'), { recursive: true });
	const wrong = await run(own, ['restore', own.file('wrong'), '--yes']);
	assert.equal(wrong.code, 1);
	assert.match(wrong.err, /nothing was touched/);
	const restore = await run(own, ['restore', into, '--yes']);
	assert.equal(restore.code, 0, restore.err);
	assert.ok(fs.readdirSync(own.file('history')).some((name) => name.startsWith('data.mdb.before-')));
	assert.ok(!fs.existsSync(own.file('history', '.restore')));
	const users = await run(own, ['users', '--json']);
	assert.deepEqual(users.lines?.map((u) => u.uid), [eve.uid], `before anything was started: ${users.err}`);
	const looked = (await run(own, ['doctor', '--json'])).lines;
	for (const dir of ['sessions', 'history']) {
		assert.ok(looked.some((c) => c.check === dir && /can be read/.test(c.message)), JSON.stringify(looked));
		const [lock, place] = [fs.statSync(own.file(dir, 'lock.mdb')), fs.statSync(own.file(dir))];
		assert.deepEqual([lock.mode & 0o777, lock.uid, lock.gid], [0o660, place.uid, place.gid]);
	}
	await own.startLogin();
	await own.startPush();
	await own.findAdmin();
	assert.deepEqual((await own.api('history?room=keep')).messages.map((m) => m.content), ['one', 'two']);
	const back = await Person.join(own, 'eve', 'keep', { session: eve.session, query: { since: 2, epoch } });
	assert.notEqual(back.welcome.epoch, epoch);
	assert.equal(back.welcome.recovered, false);
	await back.leave();
});

test('the doctor finds nothing to mend on a whole system, and says what is wrong on others', async () => {
	const env = { WXCHAT_LOGIN_BASE_URL: sys.url, WXCHAT_PUSH_URL: sys.ws };
	fs.chmodSync(sys.file('wxchat.conf'), 0o640);
	for (const dir of ['sessions', 'history'])
		fs.chmodSync(sys.file(dir), 0o2750);
	const well = await run(sys, ['doctor', '--json'], env);
	assert.deepEqual(well.lines.filter((c) => c.verdict === 'bad'), [], well.out);
	for (const check of ['fcgi-login', 'push-server', 'admin', 'sessions', 'history', 'clock', 'limits', 'wechat', 'web server', 'websocket'])
		assert.ok(well.lines.some((c) => c.check === check), check);
	assert.equal(well.code, 0);
	assert.ok(!well.out.includes('0123456789abcdef0123456789abcdef'), 'no secret');
	const ill = await run(sys, ['doctor', '--json'], {
		...env, WXCHAT_WECHAT_APP_SECRET: 'f'.repeat(32), WXCHAT_ADMIN_LISTEN: '127.0.0.1:1', WXCHAT_PUSH_URL: `${sys.ws}-nowhere`,
	});
	const bad = Object.fromEntries(ill.lines.filter((c) => c.verdict === 'bad').map((c) => [c.check, c.message]));
	assert.equal(ill.code, 1);
	assert.match(bad.wechat, /AppSecret is wrong/);
	assert.match(bad['push-server'], /does not answer/);
	assert.match(bad.websocket, /proxy|answers/);
	fs.chmodSync(sys.file('wxchat.conf'), 0o644);
	const open = await run(sys, ['doctor', '--json'], env);
	assert.ok(open.lines.some((c) => c.check === 'app_secret' && c.verdict === 'bad' && /chmod/.test(c.message)));
	const here = await Person.join(sys, 'here', 'ward');
	const told = (await run(sys, ['doctor'], { ...env, WXCHAT_MEDIA_DIR: sys.file('nowhere') })).out;
	await here.leave();
	assert.match(told, /to be mended/);
	assert.match(told, /it runs, with 1 connection$/m);
	assert.match(told, /nowhere: .* \(fcgi-login makes it at the first upload\)$/m);
	const none = await run(sys, ['doctor', '--json'], { ...env, WXCHAT_ADMIN_TOKEN_FILE: '' });
	assert.match(none.lines.find((c) => c.check === 'admin').message, /install -m 640 -g wxchat \/dev\/stdin \/etc\/wxchat\/token/);
});
