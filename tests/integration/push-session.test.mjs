// Who may talk, shown in every way that clients show it, and how a session ends in mid-chat.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newRoom, startChat } from './lib/chat.mjs';
import { startOperated } from './lib/operator.mjs';
import { MAGIC } from './lib/system.mjs';

let chat, ming;
before(async () => {
	chat = await startChat({ start: startOperated });
	ming = await chat.session('小明');
});
after(() => chat?.stop());

// The handshake completes, the error object comes, and the end.
async function dismissed(client, error = 'ERR_INVALID_SESSION', code = 4401) {
	await client.opened;
	assert.equal((await client.closed).code, code);
	const told = client.heard.at(-1);
	assert.equal(told.error, error);
	assert.equal(told[MAGIC], 1);
	assert.equal(told.code, -1);
	assert.equal(typeof told.message, 'string');
	assert.deepEqual(told.data, {});
	return told;
}

const changed = (hex) => (hex[0] === '0' ? '1' : '0') + hex.slice(1);

test('without good credentials: the handshake completes, the error object comes, then 4401', async () => {
	const { id, skey, both } = ming;
	const bad = [
		[{}, {}],
		[{}, { 'x-wx-id': id }],
		[{}, { 'x-wx-skey': skey }],
		[{}, { 'x-wx-id': id, 'x-wx-skey': changed(skey) }],
		[{}, { 'x-wx-id': changed(id), 'x-wx-skey': skey }],
		[{}, { 'x-wx-skey': `${id}.` }],
		[{}, { 'x-wx-skey': both.slice(0, -1) }],
		[{}, { authorization: 'Bearer ' }],
		[{}, { authorization: `Basic ${both}` }],
		[{}, { authorization: `Bearer ${both}0` }],
		[{}, { authorization: `Bearer ${id}.${changed(skey)}` }],
		[{}, { 'x-wx-skey': both, authorization: `Bearer ${id}.${changed(skey)}` }],
		[{}, { authorization: `Bearer ${'x'.repeat(260)}` }],
		[{ 'X-WX-Id': '' , 'X-WX-Skey': '' }, {}],
		[{ 'X-WX-Skey': `${both}0` }, {}],
		[{ 'X-WX-Id': 'x'.repeat(2000), 'X-WX-Skey': skey }, {}],
		[{ ticket: 'nonsense' }, {}],
		[{ ticket: '' }, {}],
	];
	for (const [query, headers] of bad) {
		const client = chat.client({ room: newRoom(), ...query }, headers);
		await dismissed(client);
		assert.equal(client.heard.length, 1, JSON.stringify([query, headers, client.heard]));
	}
});

test('credentials are taken from headers, from the query in any case, as one value and as bearer', async () => {
	const { id, skey, both } = ming;
	const good = [
		[{}, { 'X-WX-Id': id, 'X-WX-Skey': skey }],
		[{}, { 'x-wx-skey': both }],
		[{}, { authorization: `Bearer ${both}` }],
		[{}, { authorization: `bearer ${both}` }],
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, {}],
		[{ 'x-wx-id': id, 'x-wx-skey': skey }, {}],
		[{ 'X-WX-Skey': both }, {}],
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { 'X-WX-Id': id, 'X-WX-Skey': skey }],	// the tutorial does both
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { authorization: 'Basic c3RyYXk=' }],
		// headers of somebody else's
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { authorization: `Bearer ${'x'.repeat(260)}` }],
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { authorization: `Basic ${'x'.repeat(4000)}` }],
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { 'X-WX-Id': `${id}0` }],
		[{ 'X-WX-Skey': both }, { 'X-WX-Skey': `${both}0`, authorization: 'Bearer short' }],
		[{}, { 'X-WX-Id': id, 'X-WX-Skey': skey, authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' }],
		[{}, { 'X-WX-Skey': both, authorization: `Digest username="${'x'.repeat(300)}"` }],
		[{}, { 'X-WX-Id': 'x'.repeat(65), authorization: `Bearer ${both}` }],
		[{ 'X-WX-Skey': skey }, { 'X-WX-Id': id }],
		[{ 'X-WX-Id': id }, { 'X-WX-Skey': skey }],
		[{ 'X-WX-Id': id, 'X-WX-Skey': skey }, { 'X-WX-Id': id, 'X-WX-Skey': 'undefined' }],
		[{ ticket: '' }, { 'X-WX-Skey': both }],
	];
	for (const [query, headers] of good) {
		const client = chat.client({ room: newRoom(), ...query }, headers);
		const welcome = await client.event('welcome');
		assert.equal(welcome.user.uid, ming.uid, JSON.stringify([query, headers]));
		await client.close();
	}
});

test('a tunnel’s ticket stands for the session it was made for', async () => {
	const answer = await chat.sys.call('GET', 'tunnel', { headers: ming.headers });
	const ticket = new URL(answer.body.url).searchParams.get('ticket');
	const client = chat.client({ room: newRoom(), ticket });
	assert.equal((await client.event('welcome')).user.uid, ming.uid);
	await client.say('by ticket');
	await dismissed(chat.client({ ticket: changed(ticket) }));
});

test('an expired session ends in mid-chat, whether it talks or not', async () => {
	const brief = await startChat({ session: { max_age: 4 } });
	try {
		const session = await brief.sys.login('小明');
		const silent = await brief.join(session, 'r'), talking = await brief.join(session, 'r');
		const expires_ms = session.answer.body.session.expires * 1000;
		talking.closed.then(() => talking.late = Date.now());
		silent.closed.then(() => silent.late = Date.now());
		while (!talking.end) {
			talking.send({ content: 'x' });
			await Promise.race([talking.closed, talking.hear((o) => o.content === 'x', talking.heard.length).catch(() => {})]);
		}
		await dismissed(talking);
		await dismissed(silent);
		for (const client of [talking, silent])
			assert.ok(client.late - expires_ms < 2500 && client.late > expires_ms - 1000, `${client.late - expires_ms} ms late`);
		await dismissed(brief.client({ room: 'r' }, session.headers));
	} finally {
		await brief.stop();
	}
});

test('logout reaches a silent connection within two seconds, and that session alone', async () => {
	const room = newRoom();
	const session = await chat.sys.login('小红'), other = await chat.sys.login('小红');
	const silent = await chat.join(session, room), tunnel = await chat.join(other, room), witness = await chat.join('小明', room);
	const answer = await chat.sys.call('POST', 'logout', { headers: session.headers });
	const from = performance.now();
	assert.equal(answer.status, 200);
	await dismissed(silent);
	assert.ok(performance.now() - from < 2000);
	await tunnel.say('another session of the same user lives');
	await chat.sys.call('POST', 'logout', { headers: other.headers, query: { all: 1 } });
	await dismissed(tunnel);
	await witness.event('leave');
});

test('a message of a session that has just ended is not shown', async () => {
	const room = newRoom();
	const session = await chat.sys.login('小红');
	const hong = await chat.join(session, room), witness = await chat.join('小明', room);
	await chat.sys.call('POST', 'logout', { headers: session.headers });
	hong.send({ content: 'too late' });
	await dismissed(hong);
	await witness.say('end');
	assert.deepEqual(witness.ids, [1]);
});

test('a ban is told and closed with 4403, at once and at the next try, until it is lifted', async () => {
	const room = newRoom();
	const session = await chat.sys.login('坏人');
	const one = await chat.join(session, room), two = await chat.join(session, newRoom());
	const from = performance.now();
	await chat.sys.api('ban', { uid: session.uid, seconds: 3600 });
	await dismissed(one, 'ERR_BANNED', 4403);
	await dismissed(two, 'ERR_BANNED', 4403);
	assert.ok(performance.now() - from < 2000);
	await dismissed(chat.client({ room }, session.headers), 'ERR_BANNED', 4403);
	await chat.sys.api('unban', { uid: session.uid });
	await (await chat.join(session, room)).say('back');
});

test('the push server may start before anybody has ever logged in', async () => {
	const empty = await startChat({ login: null, web: null });
	try {
		await dismissed(empty.client({ room: 'r' }, ming.headers));
	} finally {
		await empty.stop();
	}
});

test('no secret is in a log', async () => {
	const logs = chat.sys.logs();
	for (const session of await Promise.all(chat.sessions.values()))
		for (const secret of [session.id, session.skey])
			assert.ok(!logs.includes(secret));
	assert.ok(!/ticket=[0-9a-f]/.test(logs));
});
