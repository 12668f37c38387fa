// What push-server says of itself; and that it may be started before fcgi-login ever was: there is no session store yet, and
// nobody can be let in.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { Person, startOperated } from './lib/operator.mjs';
import { bin } from './lib/system.mjs';
import WebSocket from 'ws';

test('it says what it is and what it wants', () => {
	const run = (...args) => spawnSync(path.join(bin, 'push-server'), args, { encoding: 'utf8' });

	for (const name of ['-V', '--version'])
		assert.match(run(name).stdout, /^push-server \d+\.\d+\.\d+\n$/);
	for (const name of ['-h', '--help']) {
		const help = run(name);
		assert.equal(help.status, 0);
		for (const option of ['-c', '-t', '-V', '-h'])
			assert.ok(help.stdout.includes(`  ${option}`), option);
	}
	for (const args of [['-x'], ['--x'], ['stray'], ['-c'], ['--config']]) {
		const refused = run(...args);
		assert.equal(refused.status, 2, args);
		assert.match(refused.stderr, /usage: push-server/);
	}
	const missing = run('--config', '/nonexistent/wxchat.conf');
	assert.equal(missing.status, 2);
	assert.match(missing.stderr, /^\/nonexistent\/wxchat\.conf: cannot be read/);
});

test('push-server starts before the first login ever, refuses, and lets in as soon as somebody has logged in', async (t) => {
	const config = { check: { text: 'refuse' }, media: { check: 'on' }, notify: { template_id: 'template' } };
	const sys = await startOperated({ web: null, login: null, config });
	t.after(() => sys.stop());

	assert.deepEqual((await sys.api('rooms')).rooms, []);
	assert.equal((await sys.api('stats')).ok, true);
	assert.equal((await sys.api('publish', { room: 'lobby', text: 'early' })).id, 1);
	const uid = '0123456789abcdef0123';

	await sys.api('ban', { uid });
	assert.equal((await sys.api('bans')).bans[0].uid, uid);

	const stranger = new WebSocket(`ws://127.0.0.1:${sys.pushPort}/ws?X-WX-Skey=${'0'.repeat(64)}.${'0'.repeat(64)}`);
	const closed = new Promise((resolve) => stranger.on('close', resolve));
	const [told] = await new Promise((resolve) => stranger.once('message', (...args) => resolve(args)));
	assert.equal(JSON.parse(told).error, 'ERR_INVALID_SESSION');
	assert.equal(await closed, 4401);

	Object.assign(sys.options, { web: 'lighttpd', login: 'socket' });
	await sys.startLogin();
	await sys.startWeb();
	const person = await Person.join(sys, '小明', 'lobby');

	assert.equal((await person.say('hello')).id, 2);
	person.leave();
});
