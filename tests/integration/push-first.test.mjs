// push-server may be started before fcgi-login ever was: there is no session store yet, and nobody can be let in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person, startOperated } from './lib/operator.mjs';
import WebSocket from 'ws';

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
