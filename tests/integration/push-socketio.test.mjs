// socket.io-client and its port for mini-programs, both unmodified, in the rooms of all the others.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { newRoom, startChat } from './lib/chat.mjs';

const require = createRequire(import.meta.url);

let chat;
before(async () => {
	chat = await startChat({ push: { ping_s: 1, idle_s: 3 } });
});
after(() => chat?.stop());

const open = new Set();
after(() => open.forEach((socket) => socket.disconnect()));

// What a socket hears, kept and awaited.
function listen(socket) {
	const heard = [], waiting = new Set();
	const take = (name) => (value) => {
		heard.push({ name, value });
		waiting.forEach((look) => look());
	};
	for (const name of ['connect', 'disconnect', 'connect_error', 'error', 'message', 'system'])
		socket.on(name, take(name));
	open.add(socket);
	return Object.assign(socket, {
		heard,
		hear: (name, wanted = () => true, from = 0) => new Promise((resolve) => {
			const look = () => {
				const found = heard.slice(from).find((e) => e.name === name && wanted(e.value));
				if (found) {
					waiting.delete(look);
					resolve(found.value);
				}
			};
			waiting.add(look);
			look();
		}),
		ask: (name, ...args) => new Promise((resolve) => socket.emit(name, ...args, resolve)),
	});
}

function connect(options) {
	return listen(io(`http://127.0.0.1:${chat.sys.pushPort}`, { transports: ['websocket'], forceNew: true,
		reconnectionDelay: 50, reconnectionDelayMax: 200, ...options }));
}

test('credentials in auth, query or headers; the room is joined', async () => {
	const { id, skey, both, headers, uid } = await chat.session('小明');
	const room = newRoom();
	for (const options of [
		{ auth: { 'X-WX-Id': id, 'X-WX-Skey': skey, room } },
		{ auth: { id, skey, room } },
		{ auth: { token: both, room } },
		{ auth: (give) => give({ token: both, room }) },
		{ query: { 'X-WX-Id': id, 'X-WX-Skey': skey, room } },
		{ query: { 'X-WX-Skey': both, room } },
		{ extraHeaders: headers, query: { room } },
		{ extraHeaders: { authorization: `Bearer ${both}` }, auth: { room } },
	]) {
		const socket = connect(options);
		const welcome = await socket.hear('system', (o) => o.event === 'welcome');
		assert.deepEqual([welcome.room, welcome.user.uid, welcome.num], [room, uid, 1]);
		assert.equal(socket.heard[0].name, 'connect');
		socket.disconnect();
	}
	const lobby = connect({ auth: { token: both } });
	assert.equal((await lobby.hear('system')).room, 'lobby');
	lobby.disconnect();
});

test('without good credentials: connect_error with the error object', async () => {
	const { id, skey } = await chat.session('小明');
	for (const options of [{}, { auth: {} }, { auth: { token: 'x' } }, { auth: { id, skey: skey.slice(1) } },
		{ extraHeaders: { 'x-wx-skey': `${id}.${'0'.repeat(64)}` } }, { query: { 'X-WX-Skey': 'x' } }]) {
		const socket = connect({ ...options, reconnection: false });
		const error = await socket.hear('connect_error');
		assert.equal(error.message, 'ERR_INVALID_SESSION', JSON.stringify(options));
		assert.equal(error.data.error, 'ERR_INVALID_SESSION');
		socket.disconnect();
	}
});

test('message with an acknowledgement, both ways with JSON clients', async () => {
	const room = newRoom(), { both, uid } = await chat.session('小明');
	const json = await chat.join('小红', room), socket = connect({ auth: { token: both, room } });
	await socket.hear('system');
	const copy = await socket.ask('message', { text: true, content: 'hi', cid: 'c1', uid: 'forged' });
	assert.deepEqual([copy.type, copy.id, copy.room, copy.uid, copy.content, copy.number], ['user', 1, room, uid, 'hi', 2]);
	assert.deepEqual(await json.hear((o) => o.content === 'hi'), { ...copy, type: 'remote' });
	assert.deepEqual(await socket.hear('message'), copy);
	assert.deepEqual(await socket.ask('message', { content: 'other', cid: 'c1' }), copy, 'a resend is answered again');
	socket.emit('message', 'just a string');
	assert.deepEqual((({ text, content }) => [text, content])(await json.hear((o) => o.id === 2)), [true, 'just a string']);
	await json.say('回答');
	assert.deepEqual((await socket.hear('message', (o) => o.content === '回答')).type, 'remote');
	const refused = await socket.ask('message', { content: 'x', room: 'elsewhere' });
	assert.deepEqual([refused.event, refused.reason], ['refused', 'ERR_FORBIDDEN']);
	const deep = await socket.ask('message', { content: JSON.parse('['.repeat(14) + ']'.repeat(14)) });
	assert.match(deep.message, /at most 16 deep/);
	assert.match((await socket.ask('message', { content: 'x', cid: '\ud800' })).message, /^cid: /);
	assert.deepEqual(socket.heard.filter((e) => e.name === 'message').map((e) => e.value.id), [1, 2, 3]);
	socket.disconnect();
	assert.equal((await json.event('leave')).user.uid, uid);
});

test('operations are events, answered by acknowledgement', async () => {
	const [room, other] = [newRoom(), newRoom()], { both } = await chat.session('小明');
	const json = await chat.join('小红', other), socket = connect({ auth: { token: both, room } });
	await socket.hear('system');
	const welcome = await socket.ask('join', other);
	assert.deepEqual([welcome.event, welcome.room, welcome.num], ['welcome', other, 2]);
	await json.event('join');
	const copy = await socket.ask('message', { content: 'there', room: other });
	assert.equal((await socket.ask('history', { room: other, limit: 10 })).messages[0].id, copy.id);
	assert.equal((await socket.ask('members', { room: other })).members.length, 2);
	assert.equal((await socket.ask('recall', { room: other, id: copy.id })).event, 'recalled');
	assert.equal((await socket.ask('read', { room: other, id: 1 })).event, 'read');
	assert.equal((await socket.ask('typing', { room: other })).event, 'typing');
	assert.equal((await socket.ask('ping')).event, 'pong');
	assert.equal((await socket.ask('join', { room: other, since: 0 })).recovered, true);
	assert.equal((await socket.ask('leave', other)).event, 'left');
	assert.equal((await socket.ask('dance')).reason, 'ERR_BAD_REQUEST');
	assert.equal((await socket.ask('join', 'x'.repeat(65))).reason, 'ERR_BAD_REQUEST');
	assert.equal((await socket.ask('message', Buffer.from('bytes'))).reason, 'ERR_BAD_REQUEST', 'the socket stays');
	assert.equal((await socket.ask('ping')).event, 'pong');
	socket.disconnect();
});

test('its heartbeat keeps a silent socket open, and events arrive in one order', async () => {
	const room = newRoom(), { both } = await chat.session('小明');
	const json = await chat.join('小红', room), socket = connect({ auth: { token: both, room } });
	await socket.hear('system');
	for (let i = 0; i < 20; i++) {
		socket.emit('message', `${i}`);
		json.send({ content: `j${i}` });
	}
	await socket.hear('message', (o) => o.id === 40);
	await json.hear((o) => o.id === 40);
	const ids = socket.heard.filter((e) => e.name === 'message').map((e) => e.value.id);
	assert.deepEqual(ids, Array.from({ length: 40 }, (_, i) => i + 1));
	let pings = 0;
	await new Promise((resolve) => socket.io.on('ping', () => ++pings === 4 && resolve()));
	assert.ok(socket.connected);
	assert.ok(!socket.heard.some((e) => e.name === 'disconnect'));
	socket.disconnect();
});

test('it reconnects after kill -9, and resumes with since', async () => {
	const room = newRoom(), { both } = await chat.session('小明');
	let last = 0, epoch;
	const socket = connect({ auth: (give) => give({ token: both, room, since: last, ...(epoch && { epoch }) }) });
	socket.on('message', (o) => {
		last = o.id;
	});
	({ epoch } = await socket.hear('system'));
	await socket.ask('message', 'before');
	const from = socket.heard.length;
	await chat.sys.pushProgram.kill('SIGKILL');
	await socket.hear('disconnect', () => true, from);
	await chat.sys.startPush();
	const json = await chat.join('小红', room);
	await json.say('meanwhile');
	await socket.hear('connect', () => true, from);
	const welcome = await socket.hear('system', (o) => o.event === 'welcome', from);
	assert.equal(welcome.recovered, true);
	await json.say('after');
	await socket.hear('message', (o) => o.content === 'after');
	assert.deepEqual(socket.heard.filter((e) => e.name === 'message').map((e) => e.value.content), ['before', 'meanwhile', 'after']);
	socket.disconnect();
});

test('a session that ends is told as an error, then the socket is closed', async () => {
	const session = await chat.sys.login('小明');
	const socket = connect({ auth: { token: session.both, room: newRoom() }, reconnection: false });
	await socket.hear('system');
	await chat.sys.call('POST', 'logout', { headers: session.headers });
	await socket.hear('disconnect');
	assert.equal((await socket.hear('error')).error, 'ERR_INVALID_SESSION');
	assert.ok(!socket.connected);
});

// The port speaks through the socket that wx.connectSocket gives.
test('weapp.socket.io, on a phone', async () => {
	const room = newRoom(), { id, skey } = await chat.session('小明'), json = await chat.join('小红', room);
	globalThis.wx = {
		connectSocket: ({ url, header }) => {
			const phone = new WebSocket(url, { headers: header });
			phone.on('error', () => {});
			return {
				onOpen: (run) => phone.on('open', () => run({ header: {} })),
				onMessage: (run) => phone.on('message', (data, isBinary) => run({ data: isBinary ? data : String(data) })),
				onClose: (run) => phone.on('close', (code, reason) => run({ code, reason: String(reason) })),
				onError: (run) => phone.on('error', (error) => run({ errMsg: error.message })),
				send: ({ data, success }) => phone.send(data, () => success?.({ errMsg: 'sendSocketMessage:ok' })),
				close: ({ code = 1000 } = {}) => phone.close(code),
			};
		},
	};
	globalThis.window = globalThis;
	const weapp = require('weapp.socket.io');
	const socket = listen(weapp(`http://127.0.0.1:${chat.sys.pushPort}`, { transports: ['websocket'],
		auth: { 'X-WX-Id': id, 'X-WX-Skey': skey, room } }));
	const welcome = await socket.hear('system', (o) => o.event === 'welcome');
	assert.deepEqual([welcome.room, welcome.num], [room, 2]);
	const copy = await socket.ask('message', { text: true, content: '小程序' });
	assert.equal(copy.type, 'user');
	assert.equal((await json.hear((o) => o.text)).content, '小程序');
	await json.say('收到');
	assert.equal((await socket.hear('message', (o) => o.content === '收到')).type, 'remote');
	assert.equal((await socket.ask('join', newRoom())).event, 'welcome');
	socket.disconnect();
});

test('packets that are none end in a close or are passed over, never in silence for others', async () => {
	const { both } = await chat.session('小明');
	const url = `ws://127.0.0.1:${chat.sys.pushPort}/socket.io/?EIO=4&transport=websocket&X-WX-Skey=${both}`;
	for (const [packets, code] of [[['x'], 1002], [['42["message","early"]'], 1008], [['41'], 1000], [['1'], 1000], [['4'], null],
		[['40/other,'], null], [['40', '42{"a":1}'], null], [['40', '42[]'], null], [['40', '42["message"'], null],
		[['40', '42[5]'], null], [['40', '42/x,["message"]'], null], [['40', '4299999999999["ping"]'], null], [['40', '43["x"]'], null]]) {
		const socket = new WebSocket(url);
		const closed = new Promise((resolve) => socket.on('close', resolve));
		const got = [];
		socket.on('message', (data) => got.push(String(data)));
		await new Promise((resolve) => socket.on('open', resolve));
		for (const packet of packets)
			socket.send(packet);
		if (code) {
			assert.equal(await closed, code, packets.join(' '));
			continue;
		}
		socket.send('2probe');
		while (!got.includes('3probe') && socket.readyState === WebSocket.OPEN)
			await Promise.race([closed, new Promise((resolve) => socket.once('message', resolve))]);
		socket.close();
		await closed;
	}
	const refused = await fetch(`http://127.0.0.1:${chat.sys.pushPort}/socket.io/?EIO=4&transport=polling`);
	assert.ok([400, 426].includes(refused.status));
	await refused.text();
});
