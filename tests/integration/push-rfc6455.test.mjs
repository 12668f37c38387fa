// RFC 6455, section by section, byte for byte, against the echo endpoint.  Each case is what a client sends and what it must
// get; each test's name begins with the section that asks for it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BINARY, CLOSE, CONTINUATION, KEY, PING, PONG, TEXT, acceptOf, bytes, closeFrame, frame, request, startPushServer,
	stopCleanly } from './lib/push.mjs';

const MAX = 128 * 1024;
const parallel = { concurrency: 8 };
let server;

before(async () => {
	server = await startPushServer({ push: { max_message_kb: MAX / 1024, deflate: 'on' } });
});

after(async () => {
	await server.answers();
	await stopCleanly(server);
});

// What a server may answer: an echo, a pong, or the close that ends it.
const echo = (opcode, payload) => ({ fin: true, rsv: 0, opcode, payload: Buffer.from(payload) });
const pong = (payload) => echo(PONG, payload);
const close = (code) => echo(CLOSE, code === undefined ? '' : bytes(code >> 8, code & 0xff));

// send: bytes, or a list of them that are written one after the other; chop: pieces of so many bytes.
function wireCase(name, send, expected, { chop, leaves = true } = {}) {
	test(name, async () => {
		const wire = await server.open('/echo');
		for (const part of [send].flat()) {
			if (chop)
				await wire.sendChopped(part, chop);
			else
				wire.send(part);
		}
		for (const one of expected)
			assert.deepEqual(await wire.frame(), one);
		if (expected.at(-1)?.opcode === CLOSE) {
			/* 7.1.1: the server is the first to end the TCP connection, and does so cleanly */
			assert.equal(await wire.end(), 'fin');
		} else if (leaves) {
			wire.send(closeFrame(1000));
			assert.deepEqual(await wire.frame(), close(1000));
			assert.equal(await wire.end(), 'fin');
		}
		wire.destroy();
	});
}

function pattern(length) {
	return Buffer.from({ length }, (_, i) => 'abcdefghijklmnopqrstuvwxyz0123456789'.charCodeAt((i * 7 + (i >> 8)) % 36));
}

// --- 4: the handshake ---

const sample = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

async function accepted(wire) {
	const answer = await wire.answer();
	assert.equal(answer.status, 101, answer.text);
	assert.match(answer.text, /^HTTP\/1\.1 101 /);
	assert.equal(answer.headers.upgrade.toLowerCase(), 'websocket');
	assert.equal(answer.headers.connection.toLowerCase(), 'upgrade');
	assert.equal(answer.headers['sec-websocket-accept'], sample);
	return answer;
}

async function speaks(wire) {
	wire.send(frame(TEXT, 'hi'));
	assert.deepEqual(await wire.frame(), echo(TEXT, 'hi'));
	wire.destroy();
}

describe('4.2.2 handshakes that are accepted', parallel, () => {
	const good = {
		'as the RFC shows one': {},
		'Upgrade in capitals': { Upgrade: 'WebSocket' },
		'a list in Upgrade': { Upgrade: 'h2c, websocket' },
		'a list in Connection': { Connection: 'keep-alive, Upgrade' },
		'a list with empty elements': { Connection: ',keep-alive,, upgrade ,' },
		'Connection in two lines': { Connection: ['keep-alive', 'Upgrade'] },
		'Connection in small letters': { Connection: 'upgrade' },
		'blanks around values': { Upgrade: ' \t websocket \t', 'Sec-WebSocket-Version': '  13  ' },
		'names in small letters': { Host: null, host: 'x', Upgrade: null, upgrade: 'websocket', Connection: null,
			connection: 'Upgrade', 'Sec-WebSocket-Version': null, 'sec-websocket-version': '13',
			'Sec-WebSocket-Key': null, 'sec-websocket-key': KEY },
		'a body of no bytes': { 'Content-Length': '0' },
		'an Origin, where any is let in': { Origin: 'https://example.com' },
		'unknown headers': { 'X-Whatever': 'something: else; "quoted', Cookie: 'a=b; c=d' },
		'an unknown extension': { 'Sec-WebSocket-Extensions': 'x-unknown; a=1; b="2, 3"' },
		'64 headers': Object.fromEntries(Array.from({ length: 59 }, (_, i) => [`X-${i}`, i])),
	};
	for (const [name, headers] of Object.entries(good)) {
		test(`4.2.2 ${name}`, async () => {
			const wire = await server.connect();
			wire.send(request('/echo', headers));
			const answer = await accepted(wire);
			assert.equal(answer.headers['sec-websocket-extensions'], undefined, 'nothing was agreed on');
			await speaks(wire);
		});
	}
	for (const target of ['/echo?a=b&c', '/echo?', 'http://127.0.0.1/echo', 'HTTPS://x:1/echo?y=/z'])
		test(`4.1 the target ${target}`, async () => {
			const wire = await server.connect();
			wire.send(request(target));
			await accepted(wire);
			await speaks(wire);
		});
	test("4.1 the RFC's example of a key", async () => {
		const wire = await server.connect();
		wire.send(request('/echo', { 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEC==' }));
		assert.equal((await wire.answer()).headers['sec-websocket-accept'], acceptOf('AQIDBAUGBwgJCgsMDQ4PEC=='));
		await speaks(wire);
	});
	test('4.2.2 the first of the subprotocols offered is chosen, and only when one is', async () => {
		const wire = await server.connect();
		wire.send(request('/echo', { 'Sec-WebSocket-Protocol': 'chat, superchat' }));
		assert.equal((await accepted(wire)).headers['sec-websocket-protocol'], 'chat');
		const blank = await server.connect();
		blank.send(request('/echo', { 'Sec-WebSocket-Protocol': ', chat' }));
		assert.equal((await accepted(blank)).headers['sec-websocket-protocol'], 'chat', 'empty elements count for nothing');
		const other = await server.connect();
		other.send(request('/echo'));
		assert.equal((await accepted(other)).headers['sec-websocket-protocol'], undefined);
	});
	test('4.2.1 8192 bytes of head are taken', async () => {
		const wire = await server.connect();
		const length = request('/echo', { 'X-Long': '' }).length;
		wire.send(request('/echo', { 'X-Long': 'x'.repeat(8192 - length) }));
		await accepted(wire);
		await speaks(wire);
	});
	test('4.2.1 a handshake one byte at a time', async () => {
		const wire = await server.connect();
		await wire.sendChopped(bytes(request('/echo')));
		await accepted(wire);
		await speaks(wire);
	});
	for (const size of [1, 3, 1000])
		test(`RFC 9112 2.2 an empty line first, in pieces of ${size} bytes`, async () => {
			const wire = await server.connect();
			await wire.sendChopped(bytes('\r\n', request('/echo'), frame(TEXT, 'one')), size);
			await accepted(wire);
			assert.deepEqual(await wire.frame(), echo(TEXT, 'one'));
			await speaks(wire);
		});
	for (const size of [2, 7, 64, 100])
		test(`4.2.1 a handshake in pieces of ${size} bytes with frames right behind it`, async () => {
			const wire = await server.connect();
			await wire.sendChopped(bytes(request('/echo'), frame(TEXT, 'one'), frame(PING, 'two'), frame(BINARY, 'three')), size);
			await accepted(wire);
			for (const one of [echo(TEXT, 'one'), pong('two'), echo(BINARY, 'three')])
				assert.deepEqual(await wire.frame(), one);
			await speaks(wire);
		});
	test('4.2.1 frames glued behind the handshake', async () => {
		const wire = await server.connect();
		wire.send(request('/echo'), frame(TEXT, 'one'), frame(TEXT, 'two', { fin: false }), frame(PING, '!'),
			frame(CONTINUATION, ' and more'));
		await accepted(wire);
		for (const one of [echo(TEXT, 'one'), pong('!'), echo(TEXT, 'two and more')])
			assert.deepEqual(await wire.frame(), one);
		await speaks(wire);
	});
	test('4.2.1 half a frame glued behind the handshake, the rest later', async () => {
		const wire = await server.connect();
		const whole = frame(TEXT, pattern(300));
		wire.send(request('/echo'), whole.subarray(0, 5));
		await accepted(wire);
		wire.send(whole.subarray(5));
		assert.deepEqual(await wire.frame(), echo(TEXT, pattern(300)));
		wire.destroy();
	});
	test('4.2.1 a close glued behind the handshake', async () => {
		const wire = await server.connect();
		wire.send(request('/echo'), closeFrame(1000));
		await accepted(wire);
		assert.deepEqual(await wire.frame(), close(1000));
		assert.equal(await wire.end(), 'fin');
	});
});

describe('4.2.1 requests that are refused', parallel, () => {
	const target = '/echo';
	const bad = [
		['4.2.1 POST', request(target, {}, `POST ${target} HTTP/1.1`), 405, { allow: 'GET' }],
		['4.2.1 HEAD', request(target, {}, `HEAD ${target} HTTP/1.1`), 405],
		['4.2.1 OPTIONS', request(target, {}, `OPTIONS ${target} HTTP/1.1`), 405],
		['4.2.1 get in small letters', request(target, {}, `get ${target} HTTP/1.1`), 405],
		['4.2.1 HTTP/1.0', request(target, {}, `GET ${target} HTTP/1.0`), 505],
		['4.2.1 HTTP/2.0', request(target, {}, `GET ${target} HTTP/2.0`), 505],
		['4.2.1 a version that is none', request(target, {}, `GET ${target} HTTP/one`), 400],
		['4.2.1 no version', request(target, {}, `GET ${target}`), 400],
		['4.2.1 two blanks', request(target, {}, `GET  ${target} HTTP/1.1`), 400],
		['4.2.1 a target that is no path', request(target, {}, 'GET echo HTTP/1.1'), 400],
		['4.2.1 an asterisk', request(target, {}, 'GET * HTTP/1.1'), 400],
		['4.2.1 a fragment in the target', request(`${target}#here`), 400],
		['4.2.1 no Host', request(target, { Host: null }), 400],
		['4.2.1 two Hosts', request(target, { Host: ['a', 'b'] }), 400],
		['4.2.1 no Upgrade', request(target, { Upgrade: null }), 426, { upgrade: 'websocket' }],
		['4.2.1 another Upgrade', request(target, { Upgrade: 'h2c' }), 426],
		['4.2.1 an Upgrade that only begins so', request(target, { Upgrade: 'websockets' }), 426],
		['4.2.1 no Connection', request(target, { Connection: null }), 400],
		['4.2.1 Connection: close', request(target, { Connection: 'close' }), 400],
		['4.2.1 no key', request(target, { 'Sec-WebSocket-Key': null }), 400],
		['4.2.1 an empty key', request(target, { 'Sec-WebSocket-Key': '' }), 400],
		['4.2.1 a key of 15 bytes', request(target, { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }), 400],
		['4.2.1 a key of 17 bytes', request(target, { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }), 400],
		['4.2.1 a key that is not base64', request(target, { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ*==' }), 400],
		['4.2.1 a key with blanks inside', request(target, { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j  ==' }), 400],
		['4.2.1 two keys', request(target, { 'Sec-WebSocket-Key': [KEY, KEY] }), 400],
		['4.4 no version', request(target, { 'Sec-WebSocket-Version': null }), 426, { 'sec-websocket-version': '13' }],
		['4.4 two versions', request(target, { 'Sec-WebSocket-Version': ['13', '8'] }), 400],
		['RFC 9112 5.1 a blank before the colon', request(target, { 'X-A ': 'b' }), 400],
		['RFC 9112 5.2 a folded line', request(target, { 'X-A': 'b\r\n c' }), 400],
		['RFC 9112 5 a line without a colon', request(target).replace('Host: 127.0.0.1', 'Host 127.0.0.1'), 400],
		['RFC 9112 5 a line without a name', request(target, { '': 'b' }), 400],
		['RFC 9110 5.5 a NUL in a value', request(target, { 'X-A': 'a\0b' }), 400],
		['RFC 9110 5.5 a control character in a value', request(target, { 'X-A': 'a\x01b' }), 400],
		['RFC 9110 5.5 a bare CR in a value', request(target, { 'X-A': 'a\rX-B: c' }), 400],
		['RFC 9112 2.2 bare line feeds', `${request(target).replaceAll('\r\n', '\n')}\r\n\r\n`, 400],
		['RFC 9112 6 a body', request(target, { 'Content-Length': '5' }), 400],
		['RFC 9112 6 a chunked body', request(target, { 'Transfer-Encoding': 'chunked' }), 400],
		['9.1 a malformed list of extensions', request(target, { 'Sec-WebSocket-Extensions': 'a b; c' }), 400],
		['4.2.1 an unknown path', request('/nowhere'), 404],
		['4.2.1 a path that only begins so', request('/echoes'), 404],
		['not HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
		['RFC 9112 2.2 two empty lines first', `\r\n\r\n${request(target)}`, 400],
		['65 headers', request(target, Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`X-${i}`, i]))), 431],
		['a head of 8193 bytes', request(target, { 'X-Long': 'x'.repeat(8193 - request(target, { 'X-Long': '' }).length) }), 431],
		['a head without an end', `GET ${target} HTTP/1.1\r\nX-Long: ${'x'.repeat(9000)}`, 431],
		['a request line without an end', `GET /${'x'.repeat(9000)}`, 431],
		['a head of 300 KB', request(target, { 'X-Long': 'x'.repeat(300000) }), 431],
	];
	for (const version of ['8', '7', '12', '14', '013', '13.0', '13, 8', 'thirteen', ''])
		bad.push([`4.4 version "${version}"`, request(target, { 'Sec-WebSocket-Version': version }), 426,
			{ 'sec-websocket-version': '13' }]);
	for (const [name, text, status, headers] of bad) {
		test(`${name}: ${status}`, async () => {
			const answer = await server.ask(Buffer.from(text, 'latin1'));
			assert.equal(answer.status, status, answer.text);
			assert.equal(answer.headers.connection, 'close');
			for (const [header, value] of Object.entries(headers ?? {}))
				assert.equal(answer.headers[header], value);
			assert.equal((await answer.wire.bytes(Number(answer.headers['content-length']))).length,
				Number(answer.headers['content-length']));
			assert.equal(await answer.wire.end(), 'fin');
			answer.wire.destroy();
		});
	}
	test('a request that is cut off anywhere leaves nothing behind', async () => {
		const whole = bytes(request('/echo'));
		for (let length = 0; length < whole.length; length += 5) {
			const wire = await server.connect();
			wire.send(whole.subarray(0, length));
			wire.destroy();
		}
		await server.answers();
	});
});

// --- 5.2: base framing ---

const lengths = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 1000, 16383, 16384, 65534, 65535, 65536, 65537, 100000, MAX - 1, MAX];

describe('5.2 messages of every length class', parallel, () => {
	for (const length of lengths) {
		wireCase(`5.2 text of ${length} bytes`, frame(TEXT, pattern(length)), [echo(TEXT, pattern(length))]);
		wireCase(`5.2 binary of ${length} bytes`, frame(BINARY, Buffer.alloc(length, 0xfe)), [echo(BINARY, Buffer.alloc(length, 0xfe))]);
	}
	for (const length of [0, 1, 5, 125, 126, 127, 128, 300])
		wireCase(`5.2 text of ${length} bytes, one byte at a time`, frame(TEXT, pattern(length)), [echo(TEXT, pattern(length))],
			{ chop: 1 });
	for (const [length, chop] of [[126, 3], [1000, 2], [1000, 13], [65535, 997], [65536, 997], [65536, 1460], [MAX, 10007]])
		wireCase(`5.2 binary of ${length} bytes in pieces of ${chop}`, frame(BINARY, pattern(length)), [echo(BINARY, pattern(length))],
			{ chop });
	for (let cut = 1; cut < 14; cut++)
		wireCase(`5.2 a head of 14 bytes cut after ${cut}`, [frame(BINARY, pattern(70000)).subarray(0, cut),
			frame(BINARY, pattern(70000)).subarray(cut)], [echo(BINARY, pattern(70000))]);
	wireCase('5.2 a hundred messages in one segment', bytes(...Array.from({ length: 100 }, (_, i) => frame(TEXT, `message ${i}`))),
		Array.from({ length: 100 }, (_, i) => echo(TEXT, `message ${i}`)));
	wireCase('5.2 a hundred messages in segments that end anywhere', bytes(...Array.from({ length: 100 }, (_, i) => frame(TEXT,
		`message ${i}`))), Array.from({ length: 100 }, (_, i) => echo(TEXT, `message ${i}`)), { chop: 37 });
});

describe('5.2 lengths that are not written in the shortest form', parallel, () => {
	for (const [length, form] of [[0, 16], [5, 16], [125, 16], [0, 64], [5, 64], [125, 64], [126, 64], [65535, 64]])
		for (const opcode of [TEXT, BINARY])
			wireCase(`5.2 ${length} bytes of ${opcode === TEXT ? 'text' : 'binary'} in ${form} bits: 1002`,
				frame(opcode, pattern(length), { form }), [close(1002)]);
	wireCase('5.2 the most significant bit of a length: 1002', frame(BINARY, '', { form: 64, declared: 1n << 63n }), [close(1002)]);
	wireCase('5.2 a length of all ones: 1002', frame(BINARY, '', { form: 64, declared: (1n << 64n) - 1n }), [close(1002)]);
});

describe('5.2 reserved bits and opcodes', parallel, () => {
	const names = { [CONTINUATION]: 'continuation', [TEXT]: 'text', [BINARY]: 'binary', [CLOSE]: 'close', [PING]: 'ping', [PONG]: 'pong' };
	for (const opcode of [TEXT, BINARY, CLOSE, PING, PONG])
		for (let rsv = 1; rsv < 8; rsv++)
			wireCase(`5.2 RSV ${rsv} on ${names[opcode]}: 1002`, frame(opcode, opcode === CLOSE ? '' : 'x', { rsv }), [close(1002)]);
	for (let rsv = 1; rsv < 8; rsv++)
		wireCase(`5.2 RSV ${rsv} on a continuation: 1002`, [frame(TEXT, 'a', { fin: false }), frame(CONTINUATION, 'b', { rsv })],
			[close(1002)]);
	for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
		wireCase(`5.2 opcode ${opcode}: 1002`, frame(opcode, 'x'), [close(1002)]);
		wireCase(`5.2 opcode ${opcode} without FIN: 1002`, frame(opcode, '', { fin: false }), [close(1002)]);
		wireCase(`5.2 opcode ${opcode} behind a message and between fragments: 1002`, [frame(TEXT, 'whole'),
			frame(TEXT, 'a', { fin: false }), frame(opcode, 'x')], [echo(TEXT, 'whole'), close(1002)]);
	}
	wireCase('5.2 a reserved opcode is refused by its first byte', frame(3, 'x').subarray(0, 1), [close(1002)]);
	wireCase('5.2 a reserved bit is refused by its first byte', frame(TEXT, 'x', { rsv: 2 }).subarray(0, 1), [close(1002)]);
});

describe('5.1 5.3 masking', parallel, () => {
	for (const [name, opcode, payload] of [['text', TEXT, 'hello'], ['empty text', TEXT, ''], ['binary', BINARY, 'hello'],
		['a ping', PING, ''], ['a pong', PONG, ''], ['a close', CLOSE, bytes(3, 232)]])
		wireCase(`5.1 ${name} without a mask: 1002`, frame(opcode, payload, { mask: null }), [close(1002)]);
	wireCase('5.1 a continuation without a mask: 1002', [frame(TEXT, 'a', { fin: false }), frame(CONTINUATION, 'b', { mask: null })],
		[close(1002)]);
	for (const mask of [[0, 0, 0, 0], [255, 255, 255, 255], [1, 0, 0, 0], [0, 0, 0, 128]])
		for (const length of [3, 8, 127])
			wireCase(`5.3 ${length} bytes masked with ${mask}`, frame(TEXT, pattern(length), { mask }), [echo(TEXT, pattern(length))]);
	wireCase('5.3 each frame has a mask of its own', [frame(TEXT, 'one ', { fin: false, mask: [1, 2, 3, 4] }),
		frame(CONTINUATION, 'two', { mask: [9, 8, 7, 6] })], [echo(TEXT, 'one two')]);
});

// --- 5.4: fragmentation ---

function fragments(opcode, pieces, between = []) {
	return bytes(...pieces.flatMap((piece, i) => [frame(i ? CONTINUATION : opcode, piece, { fin: i === pieces.length - 1 }),
		...(i < pieces.length - 1 ? between : [])]));
}

describe('5.4 fragmentation', parallel, () => {
	for (const opcode of [TEXT, BINARY]) {
		const name = opcode === TEXT ? 'text' : 'binary';
		wireCase(`5.4 ${name} in two fragments`, fragments(opcode, ['frag', 'ments']), [echo(opcode, 'fragments')]);
		wireCase(`5.4 ${name} in ten fragments`, fragments(opcode, [...'fragmented']), [echo(opcode, 'fragmented')]);
		wireCase(`5.4 ${name}, its first fragment empty`, fragments(opcode, ['', 'x']), [echo(opcode, 'x')]);
		wireCase(`5.4 ${name}, its last fragment empty`, fragments(opcode, ['x', '']), [echo(opcode, 'x')]);
		wireCase(`5.4 ${name}, all fragments empty`, fragments(opcode, ['', '', '']), [echo(opcode, '')]);
		wireCase(`5.4 ${name} in fragments, one byte at a time`, fragments(opcode, ['one', 'two', 'three']), [echo(opcode, 'onetwothree')],
			{ chop: 1 });
		for (const size of [1, 64, 125, 126, 127, 1000])
			wireCase(`5.4 ${name} of 4000 bytes in fragments of ${size}`, fragments(opcode, pattern(4000).toString().match(
				new RegExp(`.{1,${size}}`, 'g'))), [echo(opcode, pattern(4000))]);
		wireCase(`5.4 ${name} of the largest size in fragments of 16 KB`, fragments(opcode, Array.from({ length: 8 }, (_, i) =>
			pattern(MAX).subarray(i * 16384, (i + 1) * 16384))), [echo(opcode, pattern(MAX))]);
		wireCase(`5.4 two ${name} messages in fragments`, [fragments(opcode, ['a', 'b']), fragments(opcode, ['c', 'd'])],
			[echo(opcode, 'ab'), echo(opcode, 'cd')]);
		wireCase(`5.4 a ping between the fragments of ${name}`, fragments(opcode, ['a', 'b', 'c'], [frame(PING, 'p')]),
			[pong('p'), pong('p'), echo(opcode, 'abc')]);
		wireCase(`5.4 a ping between the fragments of ${name}, one byte at a time`, fragments(opcode, ['a', 'b'], [frame(PING, 'p')]),
			[pong('p'), echo(opcode, 'ab')], { chop: 1 });
		wireCase(`5.4 a pong between the fragments of ${name}`, fragments(opcode, ['a', 'b'], [frame(PONG, 'p')]), [echo(opcode, 'ab')]);
		wireCase(`5.4 a close between the fragments of ${name}`, fragments(opcode, ['a', 'b'], [closeFrame(1000)]), [close(1000)]);
		wireCase(`5.4 ${name} begins inside of text: 1002`, [frame(TEXT, 'a', { fin: false }), frame(opcode, 'b')], [close(1002)]);
		wireCase(`5.4 ${name} begins inside of binary: 1002`, [frame(BINARY, 'a', { fin: false }), frame(opcode, 'b', { fin: false })],
			[close(1002)]);
		wireCase(`5.4 a continuation behind a whole ${name}: 1002`, [frame(opcode, 'a'), frame(CONTINUATION, 'b')],
			[echo(opcode, 'a'), close(1002)]);
	}
	wireCase('5.4 a continuation of nothing: 1002', frame(CONTINUATION, 'b'), [close(1002)]);
	wireCase('5.4 an unfinished continuation of nothing: 1002', frame(CONTINUATION, 'b', { fin: false }), [close(1002)]);
	wireCase('5.4 an empty continuation of nothing: 1002', frame(CONTINUATION, ''), [close(1002)]);
	wireCase('5.4 a continuation of nothing is refused before its payload', frame(CONTINUATION, pattern(1000)).subarray(0, 8), [close(1002)]);
	wireCase('5.4 a message in fragments, then one in one frame', [fragments(TEXT, ['a', 'b']), frame(TEXT, 'c')],
		[echo(TEXT, 'ab'), echo(TEXT, 'c')]);
});

// --- 5.5: control frames ---

describe('5.5 control frames', parallel, () => {
	for (const length of [0, 1, 2, 3, 7, 8, 9, 63, 64, 100, 124, 125]) {
		wireCase(`5.5.2 a ping of ${length} bytes`, frame(PING, Buffer.alloc(length, 0xc1)), [pong(Buffer.alloc(length, 0xc1))]);
		wireCase(`5.5.3 an unasked-for pong of ${length} bytes is nothing`, [frame(PONG, Buffer.alloc(length, 0xc1)), frame(TEXT, 'x')],
			[echo(TEXT, 'x')]);
	}
	wireCase('5.5.2 a ping of 125 bytes, one byte at a time', frame(PING, pattern(125)), [pong(pattern(125))], { chop: 1 });
	for (const [name, opcode] of [['ping', PING], ['pong', PONG], ['close', CLOSE]]) {
		wireCase(`5.5 a ${name} of 126 bytes: 1002`, frame(opcode, pattern(126)), [close(1002)]);
		wireCase(`5.5 a ${name} of 65536 bytes: 1002`, frame(opcode, '', { declared: 65536 }), [close(1002)]);
		wireCase(`5.5 a ${name} of 5 bytes in 16 bits: 1002`, frame(opcode, pattern(5), { form: 16 }), [close(1002)]);
		wireCase(`5.5 a ${name} of 5 bytes in 64 bits: 1002`, frame(opcode, pattern(5), { form: 64 }), [close(1002)]);
		wireCase(`5.5 a ${name} without FIN: 1002`, frame(opcode, '', { fin: false }), [close(1002)]);
		wireCase(`5.5 a ${name} without FIN between fragments: 1002`, [frame(TEXT, 'a', { fin: false }),
			frame(opcode, '', { fin: false })], [close(1002)]);
	}
	const many = Array.from({ length: 1000 }, (_, i) => `ping ${i}`);
	wireCase('5.5.2 a thousand pings are answered in order', bytes(...many.map((text) => frame(PING, text))), many.map(pong));
	wireCase('5.5.2 pings and messages are answered in order', bytes(frame(TEXT, '1'), frame(PING, '2'), frame(BINARY, '3'),
		frame(PING, '4')), [echo(TEXT, '1'), pong('2'), echo(BINARY, '3'), pong('4')]);
});

// --- 5.5.1, 7: closing ---

describe('5.5.1 7 closing by the client', parallel, () => {
	wireCase('5.5.1 a close without a body is answered by one', closeFrame(), [close()]);
	wireCase('5.5.1 a close of one byte: 1002', frame(CLOSE, 'x'), [close(1002)]);
	for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999])
		wireCase(`7.4 code ${code} is answered by itself`, closeFrame(code), [close(code)]);
	for (const code of [0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32768, 65535])
		wireCase(`7.4 code ${code} may not be sent: 1002`, closeFrame(code), [close(1002)]);
	for (const reason of ['bye', '再见', 'x'.repeat(123), `${'é'.repeat(61)}x`])
		wireCase(`5.5.1 a reason of ${Buffer.byteLength(reason)} bytes`, closeFrame(1000, reason), [close(1000)]);
	wireCase('5.5.1 a close with a reason, one byte at a time', closeFrame(1001, 'going'), [close(1001)], { chop: 1 });
	wireCase('5.5.1 a body of 126 bytes: 1002', closeFrame(1000, 'x'.repeat(124)), [close(1002)]);
	wireCase('5.5.1 8.1 a reason that is not UTF-8: 1007', closeFrame(1000, Buffer.from([0xce, 0xba, 0xe1])), [close(1007)]);
	wireCase('5.5.1 8.1 a reason with a surrogate: 1007', closeFrame(1000, Buffer.from([0xed, 0xa0, 0x80])), [close(1007)]);
	wireCase('5.5.1 what follows a close is nothing', bytes(closeFrame(1000), frame(TEXT, 'too late'), frame(PING, '?')), [close(1000)]);
	wireCase('5.5.1 a second close is nothing', bytes(closeFrame(1000), closeFrame(1001)), [close(1000)]);
	wireCase('5.5.1 garbage behind a close is nothing', bytes(closeFrame(1000), Buffer.alloc(1000, 0xff)), [close(1000)]);
	wireCase('5.5.1 a megabyte behind a close is nothing', bytes(closeFrame(1000), Buffer.alloc(1 << 20, 0xff)), [close(1000)]);
	wireCase('5.5.1 what came before a close is answered', bytes(frame(TEXT, 'a'), frame(PING, 'b'), closeFrame(1000)),
		[echo(TEXT, 'a'), pong('b'), close(1000)]);
	test('7.1.1 a client that ends without a close', async () => {
		const wire = await server.open('/echo');
		wire.send(frame(TEXT, 'x'));
		await wire.frame();
		wire.socket.end();
		assert.equal(await wire.end(), 'fin');
	});
	test('7.1.1 a client that ends in the middle of a frame', async () => {
		const wire = await server.open('/echo');
		wire.send(frame(TEXT, 'xxxxxx').subarray(0, 8));
		wire.socket.end();
		assert.equal(await wire.end(), 'fin');
	});
	test('7.2.1 a client that resets', async () => {
		const wire = await server.open('/echo');
		wire.send(frame(TEXT, 'x'));
		wire.reset();
		await server.answers();
	});
});

describe('7 closing by the server', parallel, () => {
	async function dismissed() {
		const wire = await server.open('/ws?room=r');
		const body = await wire.json();
		assert.equal(body.error, 'ERR_INVALID_SESSION');
		assert.deepEqual(await wire.frame(), close(4401));
		return wire;
	}
	test('7.1.2 it says why, waits for the answer, then ends', async () => {
		const wire = await dismissed();
		assert.equal(wire.ended, null);
		wire.send(closeFrame(4401));
		assert.equal(await wire.end(), 'fin');
	});
	test('7.1.2 what the client still had to say is dropped', async () => {
		const wire = await dismissed();
		wire.send(frame(TEXT, '{"text":true}'), frame(PING, 'x'), fragments(BINARY, ['a', 'b']), closeFrame(1000));
		assert.equal(await wire.end(), 'fin');
		assert.equal(wire.length, 0);
	});
	test('7.1.2 garbage instead of the answer ends it as well', async () => {
		const wire = await dismissed();
		wire.send(Buffer.alloc(100, 0xff));
		assert.equal(await wire.end(), 'fin');
	});
	test('7.1.1 an answer that does not come is waited for a while only', async () => {
		const wire = await dismissed();
		assert.equal(await wire.end(), 'fin');
	});
});

// --- 8.1: UTF-8 ---

const valid = {
	'ASCII': 'Hello-World',
	'two bytes': 'µ@ßöäüàá',
	'Greek': 'κόσμε',
	'Chinese': '微信小程序聊天室',
	'outside the BMP': '😀𝄞🇨🇳',
	'NUL': '\0a\0',
	'U+007F': '\u007f', 'U+0080': '\u0080', 'U+07FF': '\u07ff', 'U+0800': '\u0800', 'U+D7FF': '\ud7ff', 'U+E000': '\ue000',
	'U+FFFD': '\ufffd', 'U+FFFE': '\ufffe', 'U+FFFF': '\uffff', 'U+10000': '\u{10000}', 'U+10FFFF': '\u{10ffff}',
	'a byte order mark': '\ufeffx',
};
const invalid = {
	'a lone continuation byte': [0x80],
	'the last continuation byte': [0xbf],
	'two continuation bytes': [0x80, 0xbf],
	'a first byte without its second': [0xc3, 0x20],
	'C0 80, NUL written long': [0xc0, 0x80],
	'C1 BF, written long': [0xc1, 0xbf],
	'E0 80 80, written long': [0xe0, 0x80, 0x80],
	'E0 9F BF, written long': [0xe0, 0x9f, 0xbf],
	'F0 80 80 80, written long': [0xf0, 0x80, 0x80, 0x80],
	'F0 8F BF BF, written long': [0xf0, 0x8f, 0xbf, 0xbf],
	'the surrogate U+D800': [0xed, 0xa0, 0x80],
	'the surrogate U+DFFF': [0xed, 0xbf, 0xbf],
	'a pair of surrogates': [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80],
	'U+110000': [0xf4, 0x90, 0x80, 0x80],
	'F5': [0xf5, 0x80, 0x80, 0x80],
	'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
	'six bytes': [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
	'FE': [0xfe],
	'FF': [0xff],
	'a third byte that does not continue': [0xe2, 0x82, 0x41],
	'a fourth byte that does not continue': [0xf0, 0x9f, 0x98, 0x41],
};
const unfinished = { 'one of two': [0xc3], 'one of three': [0xe2], 'two of three': [0xe2, 0x82], 'three of four': [0xf0, 0x9f, 0x98] };

describe('8.1 text is UTF-8', parallel, () => {
	for (const [name, text] of Object.entries(valid)) {
		const data = Buffer.from(text);
		wireCase(`8.1 ${name}`, frame(TEXT, data), [echo(TEXT, data)]);
		wireCase(`8.1 ${name} in fragments of one byte`, bytes(...[...data].map((byte, i) => frame(i ? CONTINUATION : TEXT, [byte],
			{ fin: i === data.length - 1 }))), [echo(TEXT, data)]);
		wireCase(`8.1 ${name}, one byte at a time`, frame(TEXT, data), [echo(TEXT, data)], { chop: 1 });
	}
	for (const [name, wrong] of Object.entries({ ...invalid, ...unfinished })) {
		const data = bytes('好', wrong);
		wireCase(`8.1 ${name}: 1007`, frame(TEXT, data), [close(1007)]);
		wireCase(`8.1 ${name} in fragments of one byte: 1007`, bytes(...[...data].map((byte, i) => frame(i ? CONTINUATION : TEXT, [byte],
			{ fin: i === data.length - 1 }))), [close(1007)]);
		wireCase(`8.1 ${name} is no matter in binary`, frame(BINARY, data), [echo(BINARY, data)]);
	}
	for (const [name, wrong] of Object.entries(invalid)) {
		const data = bytes('好', wrong, 'x'.repeat(500));
		wireCase(`8.1 ${name}: 1007 before the rest of the frame is there`, frame(TEXT, data).subarray(0, 8 + 3 + wrong.length), [close(1007)]);
		wireCase(`8.1 ${name}: 1007 before the last fragment is there`, frame(TEXT, bytes('好', wrong), { fin: false }), [close(1007)]);
	}
	wireCase('8.1 a character cut by a ping between fragments', bytes(frame(TEXT, [0xe5, 0xa5], { fin: false }), frame(PING, 'x'),
		frame(CONTINUATION, [0xbd])), [pong('x'), echo(TEXT, '好')]);
	wireCase('8.1 text begins anew with each message', [frame(TEXT, '好'), frame(TEXT, [0xbd])], [echo(TEXT, '好'), close(1007)]);
});

// --- 7.4.1, 10.4: limits ---

describe('7.4.1 10.4 messages past the limit', parallel, () => {
	wireCase('10.4 one byte too many is refused by its head alone', frame(BINARY, '', { declared: MAX + 1 }), [close(1009)]);
	wireCase('10.4 a gigabyte', frame(TEXT, '', { declared: 1 << 30 }), [close(1009)]);
	wireCase('10.4 the largest length that there is', frame(BINARY, '', { form: 64, declared: (1n << 63n) - 1n }), [close(1009)]);
	wireCase('10.4 one byte too many in the second fragment', [frame(BINARY, pattern(MAX), { fin: false }), frame(CONTINUATION, '',
		{ declared: 1 })], [close(1009)]);
	wireCase('10.4 fragments whose lengths would overflow', [frame(BINARY, pattern(100), { fin: false }), frame(CONTINUATION, '',
		{ form: 64, declared: (1n << 63n) - 1n })], [close(1009)]);
	wireCase('10.4 a message too large that is sent nevertheless', frame(BINARY, Buffer.alloc(4 << 20, 0x81)), [close(1009)]);
	wireCase('10.4 the limit is for messages, not for connections', [frame(BINARY, pattern(MAX)), frame(BINARY, pattern(MAX)),
		frame(BINARY, pattern(MAX))], [echo(BINARY, pattern(MAX)), echo(BINARY, pattern(MAX)), echo(BINARY, pattern(MAX))]);
});
