// RFC 7692, permessage-deflate: what is agreed on, what compressed messages may be, and that nobody needs memory that he was
// not allowed.  Raw bytes, and the `ws` package as another's reading of the same RFC.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import WebSocket from 'ws';
import { metricSum, readMetrics, token } from './lib/operator.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, PushServer, TEXT, bytes, closeFrame, frame, request, startPushServer,
	stopCleanly } from './lib/push.mjs';

const MAX = 64 * 1024, MIN = 512;
const parallel = { concurrency: 8 };
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
let server, plain;

before(async () => {
	[server, plain] = await Promise.all([
		startPushServer({ push: { max_message_kb: MAX / 1024, rate: 0 } }),
		startPushServer({ push: { deflate: 'off' } }),
	]);
});

after(async () => {
	for (const one of [server, plain]) {
		await one.answers();
		await stopCleanly(one);
	}
});

function deflate(data, options) {
	const out = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options });
	assert.equal(out.subarray(-4).toString('hex'), '0000ffff');
	return out.subarray(0, -4);
}

function inflate(data, options) {
	return zlib.inflateRawSync(bytes(data, [0, 0, 0xff, 0xff]), { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options });
}

const packed = (opcode, data, options) => frame(opcode, deflate(data), { rsv: 4, ...options });
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');

// A message that may be compressed; which it was.
async function unpacked(wire, options) {
	const got = await wire.frame();
	assert.equal(got.fin, true);
	assert.equal(got.rsv & 3, 0);
	return { opcode: got.opcode, data: got.rsv ? inflate(got.payload, options) : got.payload, isCompressed: got.rsv === 4,
		raw: got.payload };
}

// --- 7.1: what is agreed on ---

describe('RFC 7692 7.1 negotiation', parallel, () => {
	async function agreed(offers, where = server) {
		const wire = await where.open('/echo', { 'Sec-WebSocket-Extensions': offers });
		wire.destroy();
		return wire.handshake.headers['sec-websocket-extensions'];
	}
	const accepted = [
		['5.1 the plain offer', 'permessage-deflate', AGREED],
		['7.1.1.1 server_no_context_takeover', 'permessage-deflate; server_no_context_takeover', AGREED],
		['7.1.1.2 client_no_context_takeover', 'permessage-deflate; client_no_context_takeover', AGREED],
		['7.1.2.2 client_max_window_bits without a value', 'permessage-deflate; client_max_window_bits', AGREED],
		['7.1 all parameters', 'permessage-deflate; client_max_window_bits; server_max_window_bits=12; server_no_context_takeover;'
			+ ' client_no_context_takeover', `${AGREED}; server_max_window_bits=12`],
		['7.1 no blanks', 'permessage-deflate;client_max_window_bits;server_max_window_bits=12',
			`${AGREED}; server_max_window_bits=12`],
		['7.1 blanks everywhere', ' permessage-deflate ; server_max_window_bits = 12 ', `${AGREED}; server_max_window_bits=12`],
		['5.2 a quoted value', 'permessage-deflate; server_max_window_bits="11"', `${AGREED}; server_max_window_bits=11`],
		['5.2 a quoted value for the client', 'permessage-deflate; client_max_window_bits="10"', AGREED],
		['5.1 the first of two offers', 'permessage-deflate; server_max_window_bits=10, permessage-deflate',
			`${AGREED}; server_max_window_bits=10`],
		['5.1 the second, the first being none we can serve', 'permessage-deflate; server_max_window_bits=99, permessage-deflate',
			AGREED],
		['5.1 the third, from another line', ['x-webkit-deflate-frame, permessage-deflate; foo', 'permessage-deflate'], AGREED],
		['5.1 another extension before it', 'x-bar; y="a, permessage-deflate; b", permessage-deflate', AGREED],
	];
	for (let bits = 8; bits <= 15; bits++) {
		accepted.push([`7.1.2.1 server_max_window_bits=${bits}`, `permessage-deflate; server_max_window_bits=${bits}`,
			`${AGREED}; server_max_window_bits=${bits}`]);
		accepted.push([`7.1.2.2 client_max_window_bits=${bits}`, `permessage-deflate; client_max_window_bits=${bits}`, AGREED]);
	}
	for (const [name, offer, expected] of accepted)
		test(`${name} is accepted`, async () => assert.equal(await agreed(offer), expected));

	const declined = ['permessage-deflate; foo', 'permessage-deflate; foo=1', 'permessage-deflate; server_no_context_takeover=1',
		'permessage-deflate; client_no_context_takeover=true', 'permessage-deflate; server_max_window_bits',
		'permessage-deflate; server_max_window_bits=7', 'permessage-deflate; server_max_window_bits=16',
		'permessage-deflate; server_max_window_bits=0', 'permessage-deflate; server_max_window_bits=08',
		'permessage-deflate; server_max_window_bits=1000000000000', 'permessage-deflate; server_max_window_bits=ten',
		'permessage-deflate; server_max_window_bits=-9', 'permessage-deflate; server_max_window_bits=',
		'permessage-deflate; server_max_window_bits=""', 'permessage-deflate; client_max_window_bits=7',
		'permessage-deflate; client_max_window_bits=16', 'permessage-deflate; client_max_window_bits=',
		'permessage-deflate; client_max_window_bits=1x', 'permessage-deflate; server_max_window_bits=10; server_max_window_bits=10',
		'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
		'permessage-deflate; client_max_window_bits; client_max_window_bits=9', 'permessage-deflat', 'permessage-deflated',
		'x-webkit-deflate-frame', 'permessage-bzip2, deflate-frame'];
	for (const offer of declined)
		test(`7.1 "${offer}" is declined`, async () => assert.equal(await agreed(offer), undefined));

	for (const offer of ['permessage deflate', 'permessage-deflate@2', '; server_no_context_takeover', '"permessage-deflate"'])
		test(`RFC 6455 9.1 "${offer}" is malformed: 400`, async () => {
			const answer = await server.ask(request('/echo', { 'Sec-WebSocket-Extensions': offer }));
			assert.equal(answer.status, 400);
		});
	test('nothing is agreed on where compression is off', async () => assert.equal(await agreed('permessage-deflate', plain), undefined));
	test('6.1 RSV1 without an agreement: 1002', async () => {
		const wire = await plain.open('/echo', OFFER);
		wire.send(packed(TEXT, 'Hello'));
		assert.equal(await wire.closeCode(), 1002);
		assert.equal(await wire.end(), 'fin');
	});
});

// --- 7.2: messages ---

function packedCase(name, send, expected, { chop } = {}) {
	test(name, async () => {
		const wire = await server.open('/echo', OFFER);
		for (const part of [send].flat()) {
			if (chop)
				await wire.sendChopped(part, chop);
			else
				wire.send(part);
		}
		for (const [opcode, data] of expected) {
			if (opcode === CLOSE) {
				assert.equal(await wire.closeCode(), data);
				assert.equal(await wire.end(), 'fin');
				return;
			}
			const got = await unpacked(wire);
			assert.equal(got.opcode, opcode);
			assert.ok(got.data.equals(Buffer.from(data)), `${got.data.length} bytes`);
		}
		wire.send(closeFrame(1000));
		assert.equal(await wire.closeCode(), 1000);
		assert.equal(await wire.end(), 'fin');
	});
}

const long = 'all work and no play '.repeat(200);
const random = randomBytes(MAX);

describe('RFC 7692 7.2 messages', parallel, () => {
	packedCase('7.2.3.1 one block', frame(TEXT, hex('f2 48 cd c9 c9 07 00'), { rsv: 4 }), [[TEXT, 'Hello']]);
	packedCase('7.2.3.1 in two fragments', bytes(frame(TEXT, hex('f2 48 cd'), { rsv: 4, fin: false }), frame(CONTINUATION,
		hex('c9 c9 07 00'))), [[TEXT, 'Hello']]);
	packedCase('7.2.3.3 a block without compression', frame(TEXT, hex('00 05 00 fa ff 48 65 6c 6c 6f 00'), { rsv: 4 }), [[TEXT, 'Hello']]);
	packedCase('7.2.3.4 a final block', frame(TEXT, hex('f3 48 cd c9 c9 07 00 00'), { rsv: 4 }), [[TEXT, 'Hello']]);
	packedCase('7.2.3.4 a final block with nothing behind it', frame(TEXT, hex('f3 48 cd c9 c9 07 00'), { rsv: 4 }), [[TEXT, 'Hello']]);
	packedCase('7.2.3.5 two blocks', frame(TEXT, hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00'), { rsv: 4 }), [[TEXT, 'Hello']]);
	packedCase('7.2.3.6 an empty message', frame(TEXT, hex('00'), { rsv: 4 }), [[TEXT, '']]);
	packedCase('7.2.3.6 an empty message as zlib writes it', packed(BINARY, ''), [[BINARY, '']]);
	packedCase('7.2.3.2 a reference to the message before: 1007', [frame(TEXT, hex('f2 48 cd c9 c9 07 00'), { rsv: 4 }),
		frame(TEXT, hex('f2 00 11 00 00'), { rsv: 4 })], [[TEXT, 'Hello'], [CLOSE, 1007]]);
	for (const opcode of [TEXT, BINARY]) {
		const name = opcode === TEXT ? 'text' : 'binary';
		packedCase(`6 ${name}, compressed`, packed(opcode, long), [[opcode, long]]);
		packedCase(`6 ${name}, one byte at a time`, packed(opcode, long), [[opcode, long]], { chop: 1 });
		packedCase(`6 ${name}, not compressed`, frame(opcode, long), [[opcode, long]]);
		packedCase(`6 ${name}, one way and the other`, bytes(packed(opcode, long), frame(opcode, long), packed(opcode, 'x'), frame(opcode, 'x')),
			[[opcode, long], [opcode, long], [opcode, 'x'], [opcode, 'x']]);
		const data = deflate(long);
		packedCase(`6.1 ${name} in fragments with pings between them`, bytes(...[...data].map((byte, i) =>
			bytes(frame(i ? CONTINUATION : opcode, [byte], { fin: i === data.length - 1, rsv: i ? 0 : 4 }), i === 5 ? frame(PING, 'p') : ''))),
		[[PONG, 'p'], [opcode, long]]);
		packedCase(`6.1 ${name}, empty fragments around it`, bytes(frame(opcode, '', { rsv: 4, fin: false }), frame(CONTINUATION, data,
			{ fin: false }), frame(CONTINUATION, '')), [[opcode, long]]);
		packedCase(`6.1 RSV1 on a continuation of ${name}: 1002`, bytes(frame(opcode, data.subarray(0, 3), { rsv: 4, fin: false }),
			frame(CONTINUATION, data.subarray(3), { rsv: 4 })), [[CLOSE, 1002]]);
	}
	for (const opcode of [PING, PONG, CLOSE])
		packedCase(`6.1 RSV1 on opcode ${opcode}: 1002`, frame(opcode, '', { rsv: 4 }), [[CLOSE, 1002]]);
	for (const rsv of [1, 2, 3, 5, 6, 7])
		packedCase(`RFC 6455 5.2 RSV ${rsv}: 1002`, frame(TEXT, deflate('x'), { rsv }), [[CLOSE, 1002]]);
	for (const level of [0, 1, 6, 9])
		for (const windowBits of [9, 15])
			packedCase(`7.2.1 level ${level}, window ${windowBits}`, frame(TEXT, deflate(long, { level, windowBits }), { rsv: 4 }),
				[[TEXT, long]]);
	packedCase('7.2.2 data that is no deflate: 1007', frame(BINARY, hex('ff ff ff ff ff'), { rsv: 4 }), [[CLOSE, 1007]]);
	packedCase('7.2.2 a reserved block type: 1007', frame(BINARY, hex('06 00'), { rsv: 4 }), [[CLOSE, 1007]]);
	packedCase('7.2.2 data that was cut off: 1007', frame(BINARY, deflate(long).subarray(0, 20), { rsv: 4 }), [[CLOSE, 1007]]);
	packedCase('7.2.2 a block that was cut off: 1007', frame(BINARY, hex('00 05 00 fa ff 48 65'), { rsv: 4 }), [[CLOSE, 1007]]);
	packedCase('RFC 6455 8.1 compressed text that is not UTF-8: 1007', packed(TEXT, Buffer.from([0x61, 0xff])), [[CLOSE, 1007]]);
	packedCase('RFC 6455 8.1 compressed text cut in a character: 1007', packed(TEXT, Buffer.from('好').subarray(0, 2)), [[CLOSE, 1007]]);
	packedCase('RFC 6455 8.1 is no matter in binary', packed(BINARY, Buffer.from([0x61, 0xff])), [[BINARY, Buffer.from([0x61, 0xff])]]);
	packedCase('RFC 6455 8.1 compressed text may look like anything', packed(TEXT, '微信'.repeat(300)), [[TEXT, '微信'.repeat(300)]]);
});

describe('RFC 7692 8: how much may come', parallel, () => {
	packedCase('8 the largest message', packed(BINARY, Buffer.alloc(MAX)), [[BINARY, Buffer.alloc(MAX)]]);
	packedCase('8 the largest message, incompressible', packed(BINARY, random), [[BINARY, random]]);
	packedCase('8 one byte more: 1009', packed(BINARY, Buffer.alloc(MAX + 1)), [[CLOSE, 1009]]);
	packedCase('8 a bomb of 10 MB in 10 KB: 1009', packed(TEXT, Buffer.alloc(10 << 20, 0x61)), [[CLOSE, 1009]]);
	const bomb = deflate(Buffer.alloc(20 << 20));
	packedCase('8 a bomb in fragments: 1009', bytes(frame(BINARY, bomb.subarray(0, 100), { rsv: 4, fin: false }), ...Array.from(
		{ length: 10 }, (_, i) => frame(CONTINUATION, bomb.subarray(100 + i * 1000, 1100 + i * 1000), { fin: i === 9 }))), [[CLOSE, 1009]]);
	packedCase('8 ten bombs, one after the other: 1009', bytes(...Array.from({ length: 10 }, () => packed(BINARY, Buffer.alloc(1 << 20)))),
		[[CLOSE, 1009]]);
	packedCase('8 compressed data larger than any message: 1009 by its head', frame(BINARY, '', { rsv: 4, declared: 2 * MAX }), [[CLOSE, 1009]]);
	packedCase('8 the limit for what is not compressed stays: 1009', frame(BINARY, '', { declared: MAX + 1 }), [[CLOSE, 1009]]);
	packedCase('8 a stream of empty blocks: 1009', bytes(frame(BINARY, '', { rsv: 4, fin: false }), ...Array.from({ length: 20 },
		() => frame(CONTINUATION, Buffer.alloc(5000, 0), { fin: false }))), [[CLOSE, 1009]]);
});

describe('RFC 7692 7.1.2.1: what the server sends', parallel, () => {
	test('small messages are not compressed, larger ones are when it pays', async () => {
		const wire = await server.open('/echo', OFFER);
		for (const [data, expected] of [['x'.repeat(MIN - 1), false], ['x'.repeat(MIN), true], [long, true], [random.subarray(0, 5000), false]]) {
			wire.send(frame(BINARY, data));
			const got = await unpacked(wire);
			assert.equal(got.isCompressed, expected);
			assert.ok(got.data.equals(Buffer.from(data)));
		}
		wire.destroy();
	});
	for (let bits = 8; bits <= 15; bits++)
		test(`messages for a window of 2^${bits} never look back further`, async () => {
			const wire = await server.open('/echo', { 'Sec-WebSocket-Extensions': `permessage-deflate; server_max_window_bits=${bits}` });
			for (const length of [300, 511, 512, 513, 1024, 4096, 8192, 40000]) {
				const data = Buffer.concat([random.subarray(0, length / 2), random.subarray(0, length / 2)]);
				wire.send(frame(BINARY, data));
				const got = await unpacked(wire, { windowBits: Math.max(bits, 9) });
				assert.ok(got.data.equals(data));
			}
			wire.destroy();
		});
	test('every message stands alone: the same one is the same bytes', async () => {
		const wire = await server.open('/echo', OFFER);
		wire.send(frame(TEXT, long), frame(TEXT, 'y'.repeat(2000)), frame(TEXT, long));
		const [first, , third] = [await unpacked(wire), await unpacked(wire), await unpacked(wire)];
		assert.ok(first.isCompressed && first.raw.equals(third.raw));
		wire.destroy();
	});
});

// --- others' reading of the RFC ---

describe('the ws package', parallel, () => {
	const ways = { 'with its defaults': true, 'without context takeover': { clientNoContextTakeover: true, serverNoContextTakeover: true },
		'with small windows': { clientMaxWindowBits: 9, serverMaxWindowBits: 10 }, 'with a threshold of nothing': { threshold: 0 }, 'without': false };
	for (const [name, perMessageDeflate] of Object.entries(ways))
		test(`speaks both ways ${name}`, async () => {
			const ws = new WebSocket(`ws://127.0.0.1:${server.port}/echo`, { perMessageDeflate });
			await once(ws, 'open');
			assert.equal(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');
			for (const data of ['short', '', long, '微信'.repeat(5000), random, Buffer.alloc(MAX)]) {
				ws.send(data);
				const [got, isBinary] = await once(ws, 'message');
				assert.equal(isBinary, typeof data !== 'string');
				assert.ok(got.equals(Buffer.from(data)));
			}
			ws.send(long.slice(0, 1000), { fin: false });
			ws.ping('between');
			ws.send(long.slice(1000), { fin: true });
			const [[got], [pong]] = await Promise.all([once(ws, 'message'), once(ws, 'pong')]);
			assert.equal(String(got), long);
			assert.equal(String(pong), 'between');
			ws.close(1000);
			assert.equal((await once(ws, 'close'))[0], 1000);
		});
	test('gets 1009 for a bomb', async () => {
		const ws = new WebSocket(`ws://127.0.0.1:${server.port}/echo`);
		await once(ws, 'open');
		ws.send(Buffer.alloc(8 << 20));
		assert.equal((await once(ws, 'close'))[0], 1009);
	});
});

// --- in a room ---

describe('a broadcast', () => {
	test('is compressed once, and everybody gets it as he can', async () => {
		const [a, b] = await Promise.all([server.login('甲'), server.login('乙')]);
		const members = await Promise.all([
			server.join(a, 'mixed', '', {}),
			server.join(b, 'mixed', '', OFFER),
			server.join(b, 'mixed', '', OFFER),
			server.join(b, 'mixed', '', { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=9' }),
		]);
		const ws = new WebSocket(`ws://127.0.0.1:${server.port}/ws?room=mixed&${b.query}`);
		let heard;
		const welcomed = new Promise((resolve) => ws.on('message', (data) => {
			const object = JSON.parse(data);
			if (object.event === 'welcome')
				resolve();
			heard?.(object.content);
		}));
		await welcomed;
		const content = '大家好，'.repeat(500);
		members[1].send(packed(TEXT, JSON.stringify({ text: true, content: 'from one who compresses' })));
		for (const wire of members)
			for (let got = {}; got.content === undefined;) {
				const { data } = await unpacked(wire);
				got = JSON.parse(data);
			}
		const all = new Promise((resolve) => { heard = (said) => said === content && resolve(); });
		members[0].send(frame(TEXT, JSON.stringify({ text: true, content })));
		const raw = [];
		for (const wire of members) {
			for (;;) {
				const got = await unpacked(wire);
				const object = JSON.parse(got.data);
				if (object.content !== content)
					continue;
				assert.equal(object.type, wire === members[0] ? 'user' : 'remote');
				raw.push(got);
				break;
			}
		}
		assert.deepEqual(raw.map((one) => one.isCompressed), [false, true, true, false]);
		assert.ok(raw[1].raw.equals(raw[2].raw));
		assert.ok(raw[1].raw.length < 600);
		await all;
		ws.terminate();
		for (const wire of members)
			wire.destroy();
	});

	test('bombs from those who are logged in end in 1009, too', async () => {
		const one = await server.login('丙');
		const wire = await server.join(one, 'bombs', '', OFFER);
		wire.send(packed(TEXT, `{"text":true,"content":"${'a'.repeat(10 << 20)}"}`));
		assert.equal(await wire.closeCode(), 1009);
		assert.equal(await wire.end(), 'fin');
	});
});

// --- in a room of all kinds ---

// How each dialect says a text, and what one of its frames tells: { content, isOwn }, or nothing.
const dialects = {
	json: {
		target: (room, session) => `/ws?room=${room}&${session.query}`,
		say: (content) => JSON.stringify({ text: true, content }),
		told: (text) => {
			const object = JSON.parse(text);
			return object.content !== undefined && { content: object.content, isOwn: object.type === 'user' };
		},
	},
	tunnel: {
		target: (room, session) => `/ws?dialect=tunnel&room=${room}&${session.query}`,
		say: (word) => `message:${JSON.stringify({ type: 'speak', content: { word } })}`,
		told: (text) => {
			const { type, content } = text.startsWith('message:') ? JSON.parse(text.slice(8)) : {};
			return type === 'speak' && { content: content.word, isOwn: content.who.openId !== content.who.uid };
		},
	},
	socketio: {
		target: (room, session) => `/socket.io/?EIO=4&transport=websocket&room=${room}&${session.query}`,
		hello: '40',
		say: (content) => `42${JSON.stringify(['message', { text: true, content }])}`,
		told: (text) => {
			const [event, object] = text.startsWith('42') ? JSON.parse(text.slice(2)) : [];
			return event === 'message' && { content: object.content, isOwn: object.type === 'user' };
		},
	},
};

describe('a room of all dialects and windows', () => {
	const WINDOWS = [0, 8, 9, 10, 11, 12, 13, 14, 15];
	let operated, admin, members, me, you;

	before(async () => {
		operated = new PushServer({ push: { workers: 1, rate: 0, max_message_kb: MAX / 1024 }, admin: { listen: '127.0.0.1:0' } });
		operated.sections.admin.token_file = operated.file('token');
		fs.writeFileSync(operated.file('token'), `${token}\n`, { mode: 0o600 });
		operated.writeConfig();
		await operated.start();
		admin = (await operated.program.line(/listening admin=(\S+)/))[1];
		[me, you] = await Promise.all([operated.login('甲'), operated.login('乙')]);
		members = [];
		for (const bits of WINDOWS)		// kinds in turn, so that nobody is told right behind his like
			for (const kind of Object.keys(dialects))
				for (const user of [me, you])
					members.push(await enter(user, kind, bits));
		members.push(await enter(me, 'json', 0));		// as the one that says most, and told before it
	});
	after(() => stopCleanly(operated));

	async function enter(user, kind, bits) {
		const wire = await operated.open(dialects[kind].target('kinds', user),
			bits ? { 'Sec-WebSocket-Extensions': `permessage-deflate; server_max_window_bits=${bits}` } : {});
		if (dialects[kind].hello)
			wire.send(frame(TEXT, dialects[kind].hello));
		for (let text = ''; !text.includes('"welcome"') && !text.includes('"people"');)
			({ payload: text } = await wire.frame());
		return { wire, user, kind, bits, name: `${user === me ? 'my' : 'your'} ${kind} with 2^${bits}` };
	}

	// The next text or binary message, inflated by one who keeps no more than his window.
	async function next({ wire, bits }) {
		for (;;) {
			const got = await unpacked(wire, { windowBits: Math.max(bits, 9), chunkSize: 64 });
			if (got.opcode < CLOSE)
				return got;
		}
	}

	async function hear(member) {
		for (;;) {
			const got = await next(member), told = got.opcode === TEXT && dialects[member.kind].told(String(got.data));
			if (told)
				return { ...got, ...told };
		}
	}

	async function compressed() {
		const answer = await fetch(`http://${admin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
		return metricSum(readMetrics(await answer.text()), 'wxchat_push_compressed_total');
	}

	const noise = (length) => randomBytes(length).toString('base64').slice(0, length);
	const twice = (length) => noise(length / 2).repeat(2);		// each part again, as far away as can be

	const sayer = (user, kind) => members.find((one) => one.user === user && one.kind === kind && one.bits === 0);

	for (const length of [50, 600, 1400, 3000, 6000, 12000, 30000])
		for (const kind of Object.keys(dialects))
			test(`${length} bytes said by ${kind}: each hears it as he can, and it is compressed once a form`, async () => {
				const content = twice(length), from = await compressed(), forms = new Set();
				sayer(me, kind).wire.send(frame(TEXT, dialects[kind].say(content)));
				for (const member of members) {
					const got = await hear(member);
					assert.equal(got.content, content, member.name);
					assert.equal(got.isOwn, member.user === me, member.name);
					assert.equal(got.isCompressed, member.bits > 0 && got.data.length >= MIN && got.data.length <= 1 << member.bits,
						member.name);
					if (got.isCompressed)
						forms.add(`${member.kind} ${got.isOwn}`);
				}
				assert.equal(await compressed() - from, forms.size);
			});

	test('the window counts for the whole frame, not for the words in it', async () => {
		const sizes = new Set();
		let beside = 0;			// what the frame holds beside the content
		for (const length of [2000, ...Array.from({ length: 24 }, (_, i) => 4096 - 12 + i)]) {
			const content = noise(length - beside);
			sayer(me, 'json').wire.send(frame(TEXT, dialects.json.say(content)));
			for (const member of members) {
				const got = await hear(member);
				assert.equal(got.content, content, member.name);
				if (member.kind === 'json' && member.user === you && member.bits === 12) {
					beside ||= got.data.length - length;
					sizes.add(got.data.length);
				}
				assert.equal(got.isCompressed, member.bits > 0 && got.data.length <= 1 << member.bits, member.name);
			}
		}
		assert.ok(sizes.has(4096) && sizes.has(4097), [...sizes].join());
	});

	test('what two users say at once is each one\'s own', async () => {
		const said = [me, you].map(() => Array.from({ length: 12 }, (_, i) => twice(i % 3 ? 700 : 5000)));
		for (let round = 0; round < 5; round++) {
			for (const [i, user] of [me, you].entries())
				sayer(user, 'json').wire.send(...said[i].map((content) => frame(TEXT, dialects.json.say(content))));
			const ways = new Set();
			for (const member of members) {
				const order = [];
				for (let i = 0; i < said.flat().length; i++) {
					const got = await hear(member), by = said.findIndex((one) => one.includes(got.content));
					assert.equal(got.isOwn, member.user === [me, you][by], member.name);
					order.push(said.flat().indexOf(got.content));
				}
				ways.add(order.join());
			}
			assert.equal(ways.size, 1, 'everybody hears it in one order');
			assert.deepEqual([...ways][0].split(',').map(Number).sort((a, b) => a - b), [...said.flat().keys()]);
		}
	});

	test('binary data comes to all but the connection that sent it', async () => {
		const data = Buffer.from(twice(3000)), from = sayer(me, 'json'), before_ = await compressed();
		from.wire.send(frame(BINARY, data));
		for (const member of members.filter((one) => one.kind === 'json' && one !== from)) {
			const got = await next(member);
			assert.equal(got.opcode, BINARY, member.name);
			assert.ok(got.data.equals(data), member.name);
		}
		assert.equal(await compressed() - before_, 1);
		sayer(you, 'json').wire.send(frame(TEXT, dialects.json.say('behind it')));
		for (const member of members) {
			const got = await next(member);
			assert.equal(dialects[member.kind].told(String(got.data)).content, 'behind it', member.name);
		}
	});
});
