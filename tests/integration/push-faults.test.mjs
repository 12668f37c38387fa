// One test for each class of fault that WebSocket servers have been known for, named after it.  Whatever was done to it, the
// server still answers afterwards, others have noticed nothing, and it ends as it should.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import zlib from 'node:zlib';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, bytes, frame, request, startPushServer,
	stopCleanly } from './lib/push.mjs';

const MAX = 16 * 1024;
let server, victim, witness;

before(async () => {
	server = await startPushServer({ push: { max_message_kb: MAX / 1024, queue_kb: 64, handshake_s: 3, rate: 0, leave_grace_s: 0,
		origins: 'https://chat.example', max_conns_per_ip: 0 } });
	server.open = (target, headers, options) => Object.getPrototypeOf(server).open.call(server, target,
		{ Origin: 'https://chat.example', ...headers }, options);
	[victim, witness] = await Promise.all([server.login('甲'), server.login('乙')]);
});

afterEach(async () => {
	await server.answers();
	const wire = await server.join(witness, 'elsewhere');
	wire.send(say('is this still a chat?'));
	assert.equal((await wire.event('message')).content, 'is this still a chat?');
	wire.destroy();
});

after(() => stopCleanly(server));

const say = (content, more) => frame(TEXT, JSON.stringify({ text: true, content, ...more }));

function deflate(data) {
	return zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

test('length overflow: no length, alone or added to what is there, reaches round the end of the numbers', async () => {
	const lengths = [(1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 32n) + 5n, (1n << 63n) - 1n, 1n << 63n,
		(1n << 64n) - 14n, (1n << 64n) - 1n];
	for (const declared of lengths) {
		const wanted = declared >> 63n ? 1002 : 1009;
		const alone = await server.open('/echo'), added = await server.open('/echo');
		alone.send(frame(BINARY, 'x'.repeat(100), { form: 64, declared }));
		added.send(frame(BINARY, 'x'.repeat(100), { fin: false }), frame(CONTINUATION, 'x'.repeat(100), { form: 64, declared }));
		for (const wire of [alone, added]) {
			assert.equal(await wire.closeCode(), wanted, String(declared));
			assert.equal(await wire.end(), 'fin');
		}
	}
});

test('unmasked frames: refused wherever they come', async () => {
	for (const open of [() => server.open('/echo'), () => server.join(victim)]) {
		for (const unmasked of [frame(TEXT, '{}', { mask: null }), frame(PING, '', { mask: null }), frame(CLOSE, '', { mask: null })]) {
			const wire = await open();
			wire.send(unmasked);
			assert.equal(await wire.closeCode(), 1002);
			assert.equal(await wire.end(), 'fin');
		}
	}
});

test('fragment floods: neither endless empty fragments nor endless small ones, in one connection or in many', async () => {
	const empty = await server.open('/echo');
	empty.send(frame(TEXT, '', { fin: false }), ...Array.from({ length: 20000 }, () => frame(CONTINUATION, '', { fin: false })));
	assert.equal(await empty.closeCode(), 1008);
	const small = await server.open('/echo');
	small.send(frame(TEXT, '', { fin: false }), ...Array.from({ length: MAX + 1 }, () => frame(CONTINUATION, 'x', { fin: false })));
	assert.equal(await small.closeCode(), 1009);
	const many = await Promise.all(Array.from({ length: 100 }, () => server.open('/echo')));
	for (const wire of many)
		for (let i = 0; i < 15; i++)
			wire.send(frame(i ? CONTINUATION : BINARY, 'x'.repeat(1000), { fin: false }));
	await server.answers();
	for (const wire of many)
		wire.send(frame(CONTINUATION, 'the end'));
	for (const wire of many) {
		assert.equal((await wire.frame()).payload.length, 15007);
		wire.destroy();
	}
});

test('control frames in fragments: answered between them, never themselves in pieces', async () => {
	const wire = await server.open('/echo');
	wire.send(frame(TEXT, 'a', { fin: false }));
	for (let i = 0; i < 500; i++)
		wire.send(frame(PING, `${i}`), frame(PONG, 'x'), frame(CONTINUATION, 'b', { fin: false }));
	wire.send(frame(CONTINUATION, 'c'));
	for (let i = 0; i < 500; i++)
		assert.deepEqual(await wire.frame(), { fin: true, rsv: 0, opcode: PONG, payload: Buffer.from(`${i}`) });
	assert.equal((await wire.frame()).payload.toString(), `a${'b'.repeat(500)}c`);
	wire.send(frame(TEXT, 'a', { fin: false }), frame(PING, 'x', { fin: false }), frame(CONTINUATION, 'y'));
	assert.equal(await wire.closeCode(), 1002);
});

test('half-closed peers: whoever ends his half is answered and gone', async () => {
	const peers = [];
	for (let i = 0; i < 50; i++) {
		const wire = await server.connect();
		const open = bytes(request('/echo', { Origin: 'https://chat.example' }), frame(TEXT, 'last words'));
		wire.socket.end([open, open.subarray(0, open.length - 4), open.subarray(0, 50), ''][i % 4]);
		peers.push(wire);
	}
	for (const wire of peers)
		assert.match(await wire.end(), /fin|ECONNRESET/);
	const members = await Promise.all(Array.from({ length: 10 }, () => server.join(victim, 'half')));
	const observer = await server.join(witness, 'half');
	for (const wire of members)
		wire.socket.end();
	for (const wire of members)
		await wire.end();
	assert.equal((await observer.event('leave')).num, 1);
});

test('RST while queued: what waited for him is dropped, and nobody else notices', async () => {
	const talker = await server.join(witness, 'rst');
	for (let round = 0; round < 3; round++) {
		const gone = await Promise.all(Array.from({ length: 5 }, () => server.join(victim, 'rst')));
		for (const wire of gone)
			wire.socket.pause();
		for (let i = 0; i < 100; i++)
			talker.send(say('x'.repeat(15000), { round, i }));
		for (const wire of gone)
			wire.reset();
		for (let i = 0; i < 100; i++) {
			const got = await talker.event('message');
			assert.deepEqual([got.round, got.i], [round, i]);
		}
	}
	talker.destroy();
});

test('header floods: a head is 8 KB and 64 lines, and ten seconds, whoever sends it', async () => {
	const line = 'X-Flood: yes\r\n';
	const floods = [`GET /echo HTTP/1.1\r\n${line.repeat(100000)}`, `GET /echo HTTP/1.1\r\nX: ${'y'.repeat(1 << 20)}`,
		`GET /${'z'.repeat(1 << 20)}`, request('/echo', { 'X-Flood': Array(60).fill('') }), 'GET /echo HTTP/1.1\r\n'.padEnd(1 << 16, ':')];
	for (const flood of floods) {
		const answer = await server.ask(flood);
		assert.ok([400, 431].includes(answer.status), answer.text);
		assert.equal(await answer.wire.end(), 'fin');
	}
	const waiting = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
	for (const wire of waiting)
		wire.send(`GET /echo HTTP/1.1\r\n${'a: b\r\n'.repeat(60)}${'c'.repeat(7000)}`);
	await server.answers();
	for (const wire of waiting)
		wire.destroy();
});

test('duplicated and underscored credential headers: one that differs makes all of them worthless, another name is another header', async () => {
	const { id, skey, both } = victim, wrong = 'f'.repeat(64);
	const known = async (headers, query = '') => {
		const wire = await server.open(`/ws?room=dup${query}`, headers);
		const first = await wire.json();
		wire.destroy();
		return first.event === 'welcome';
	};
	assert.equal(await known({ 'X-WX-Id': id, 'X-WX-Skey': skey }), true);
	assert.equal(await known({ 'X-WX-Id': [id, id], 'X-WX-Skey': skey }), true, 'the same twice');
	assert.equal(await known({ 'X-WX-Id': id, 'X-WX-Skey': [skey, wrong] }), false);
	assert.equal(await known({ 'X-WX-Id': id, 'X-WX-Skey': [wrong, skey] }), false);
	assert.equal(await known({ 'X-WX-Id': [wrong, id], 'X-WX-Skey': skey }), false);
	assert.equal(await known({ 'X-WX-Id': id, 'X-WX-Skey': skey, 'x-wx-skey': wrong }), false, 'in whatever case');
	assert.equal(await known({ Authorization: [`Bearer ${both}`, 'Bearer x'] }), false);
	assert.equal(await known({ 'X-WX-Id': id, 'X-WX-Skey': [skey, wrong] }, `&${victim.query}`), false, 'nor does the query help then');
	assert.equal(await known({ X_WX_Id: id, X_WX_Skey: skey }), false);
	assert.equal(await known({ X_WX_Id: wrong, 'X-WX-Id': id, 'X-WX-Skey': skey, X_WX_Skey: wrong }), true);
});

test('hash flooding: names that collide under common hashes cost what others cost', async () => {
	const collide = (length) => Array.from({ length: 1 << length }, (_, i) =>
		Array.from({ length }, (_, bit) => i >> bit & 1 ? 'Aa' : 'BB').join(''));
	const usual = (length) => Array.from({ length: 1 << length }, (_, i) => `n${i}`.padEnd(2 * length, 'x'));
	const cost = async (names) => {
		const wire = await server.join(victim, 'flood'), before = server.cpu_ms();
		for (let at = 0; at < names.length; at += 8) {
			for (const room of names.slice(at, at + 8))
				wire.send(frame(TEXT, JSON.stringify({ op: 'join', room, cid: room })), frame(TEXT, JSON.stringify({ op: 'leave', room, cid: `-${room}` })));
			for (let left = 0; left < 8; left++)
				await wire.event('left');
		}
		/* members of one object */
		for (let i = 0; i < 20; i++) {
			wire.send(frame(TEXT, JSON.stringify(Object.fromEntries(names.slice(0, 500).map((name) => [name, 1])))));
			await wire.event('message');
		}
		wire.destroy();
		return server.cpu_ms() - before;
	};
	const plain = await cost(usual(10)), hostile = await cost(collide(10));
	assert.ok(hostile <= 3 * plain + 200, `${hostile} ms against ${plain} ms`);
});

test('deflate bombs before login: refused by what they hold, and looked into only while somebody may speak', async () => {
	const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
	const bomb = frame(TEXT, deflate(Buffer.alloc(12 << 20)), { rsv: 4 });
	const echo = await server.open('/echo', offer);
	echo.send(bomb);
	assert.equal(await echo.closeCode(), 1009);
	const early = await server.open('/socket.io/?EIO=4&transport=websocket', offer);
	early.send(bomb);
	assert.equal(await early.closeCode(), 1009);
	const nobody = await server.open('/ws', offer);
	nobody.send(bomb);
	assert.equal(await nobody.closeCode(), 4401);
	const agreed = await server.open('/echo');
	agreed.send(bomb);
	assert.equal(await agreed.closeCode(), 1002, 'nothing was agreed on');
});

test('deflate bombs after login: the same, and the room hears nothing of them', async () => {
	const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
	const observer = await server.join(witness, 'bombs');
	for (let i = 0; i < 5; i++) {
		const wire = await server.join(victim, 'bombs', '', offer);
		wire.send(frame(TEXT, deflate(`{"text":true,"content":"${'a'.repeat(12 << 20)}"}`), { rsv: 4 }));
		assert.equal(await wire.closeCode(), 1009);
	}
	observer.send(say('peace'));
	assert.equal((await observer.event('message')).id, 1);
	observer.destroy();
});

test('slowloris: two hundred who never finish do not keep one out, and are gone after the handshake time', async () => {
	const slow = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
	for (const wire of slow)
		wire.send('GET /echo HTTP/1.1\r\nX-a: ');
	const trickle = setInterval(() => slow.forEach((wire) => wire.socket.writable && wire.send('b')), 200);
	await server.answers();
	for (const wire of slow)
		assert.match(await wire.end(), /fin|ECONNRESET|EPIPE/);
	clearInterval(trickle);
});

test('cross-site WebSocket hijacking: a page of another site is refused, whatever the browser sends along', async () => {
	for (const Origin of ['https://evil.example', 'null', 'https://chat.example.evil.example', 'http://chat.example']) {
		const answer = await server.ask(request(`/ws?room=x&${victim.query}`, { Origin, Cookie: 'session=1', ...victim.headers }));
		assert.equal(answer.status, 403);
		assert.equal(await answer.wire.end(), 'fin');
	}
	for (const Origin of [['https://chat.example', 'https://evil.example'], ['https://evil.example', 'https://chat.example']]) {
		const answer = await server.ask(request(`/ws?room=x&${victim.query}`, { Origin }));
		assert.equal(answer.status, 400, 'two of them');
	}
	(await server.join(victim, 'x')).destroy();
});
