// The mini-program's library: the socket, on a phone where everything dies silently.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Phone, library, loginAnswer, sessionError, settle } from './lib/phone.mjs';

const { create } = library('./index.js');

let phone;
let client;
let logins;

beforeEach(() => {
	phone = new Phone();
	logins = 0;
	phone.answer = () => loginAnswer(++logins);
	client = create({ base: 'https://example.com/weapp', socket: 'wss://example.com/ws' });
	Math.random = () => 0.5;
});

function listen(socket, ...names) {
	const heard = [];

	for (const name of names)
		socket.on(name, (value) => heard.push([name, value]));
	return heard;
}

function welcome(fields) {
	return {
		type: 'system', event: 'welcome', room: 'lobby', num: 1, id: 0, epoch: 'e1', recovered: true,
		user: { uid: 'me', nickName: '小明', avatarUrl: 'a' }, ...fields,
	};
}

function message(id, fields) {
	return { type: 'remote', id, room: 'lobby', number: 2, time: 1, uid: 'her', nickName: '小红', text: true, content: `m${id}`, ...fields };
}

// A socket that has been welcomed.
async function online(fields) {
	const socket = client.connect({ room: 'lobby' });

	socket.open();
	await settle();
	phone.task.open();
	phone.task.say(welcome(fields));
	return socket;
}

// The next connection, after a wait.
async function reconnected(wait_ms, fields) {
	await phone.clock.pass(wait_ms);
	phone.task.open();
	phone.task.say(welcome(fields));
}

test('the first connection names the room, asks for all events, and proves itself in headers', async () => {
	const socket = await online({ id: 7 });

	assert.equal(phone.task.url.origin + phone.task.url.pathname, 'wss://example.com/ws');
	assert.deepEqual(phone.task.query, { room: 'lobby', events: 'all' });
	assert.deepEqual(phone.task.options.header, client.buildSessionHeader());
	assert.equal(socket.state, 'online');
	assert.equal(client.user().uid, 'me', 'the server says who we are');
});

test('listeners are attached in the turn of connectSocket', async () => {
	const { connectSocket } = wx;
	const socket = client.connect({ room: 'lobby' });
	let attached = null;

	wx.connectSocket = (options) => {
		const task = connectSocket(options);

		queueMicrotask(() => {
			attached = Object.keys(task.handlers).sort();
		});
		return task;
	};
	socket.open();
	await settle();
	assert.deepEqual(attached, ['close', 'error', 'message', 'open']);
});

test('a reconnect asks for what was missed, of the same history', async () => {
	const socket = await online({ id: 7 });
	const heard = listen(socket, 'message');

	phone.task.say(message(8));
	phone.task.die();
	await reconnected(1000, { id: 10 });
	assert.deepEqual(phone.task.query, { room: 'lobby', since: '8', epoch: 'e1', events: 'all' });
	for (const id of [9, 10])
		phone.task.say(message(id));
	assert.deepEqual(heard.map(([, one]) => one.id), [8, 9, 10]);
});

test('a message that comes twice is shown once', async () => {
	const socket = await online({ id: 7 });
	const heard = listen(socket, 'message');

	phone.task.say(message(8));
	phone.task.say(message(8));
	phone.task.say(message(7));
	assert.deepEqual(heard.map(([, one]) => one.id), [8]);
});

test('a gap is told, and the next reconnect asks from behind it', async () => {
	const socket = await online({ id: 7 });
	const heard = listen(socket, 'gap');

	phone.task.die();
	await reconnected(1000, { id: 2000, recovered: false });
	phone.task.say({ type: 'system', event: 'gap', room: 'lobby', num: 1, since: 7, first: 1501, id: 2000, epoch: 'e1' });
	phone.task.say(message(1501));
	assert.equal(heard[0][1].lost, false);
	phone.task.die();
	await phone.clock.pass(2000);
	assert.equal(phone.task.query.since, '1501');
});

test('another epoch means another history', async () => {
	const socket = await online({ id: 7 });
	const heard = listen(socket, 'gap', 'message');

	phone.task.die();
	await reconnected(1000, { id: 3, epoch: 'e2', recovered: false });
	phone.task.say({ type: 'system', event: 'gap', room: 'lobby', num: 1, since: 7, first: 4, id: 3, epoch: 'e2' });
	phone.task.say(message(4));
	assert.equal(heard[0][1].lost, true);
	assert.equal(heard[1][1].id, 4);
	phone.task.die();
	await phone.clock.pass(2000);
	assert.deepEqual([phone.task.query.since, phone.task.query.epoch], ['4', 'e2']);
});

test('a message is sent with a cid and done when its copy comes back', async () => {
	const socket = await online();
	const { cid, done } = socket.send({ text: true, content: 'hi' });

	assert.deepEqual(phone.task.take(), [{ text: true, content: 'hi', cid }]);
	phone.task.say(message(1, { type: 'user', cid }));
	assert.equal((await done).id, 1);
});

test('messages leave one after another, in the order of send', async () => {
	const socket = await online();
	const sent = ['a', 'b', 'c'].map((content) => socket.send({ text: true, content }));

	for (let i = 0; i < 3; i++) {
		assert.deepEqual(phone.task.take().map((one) => one.content), [['a', 'b', 'c'][i]]);
		phone.task.say(message(i + 1, { type: 'user', cid: sent[i].cid }));
	}
	await Promise.all(sent.map((one) => one.done));
});

test('what is written while offline waits, and leaves on the next connection', async () => {
	const socket = client.connect({ room: 'lobby' });

	socket.send({ text: true, content: 'early' });
	socket.open();
	await settle();
	phone.task.open();
	assert.deepEqual(phone.task.take(), [], 'an open socket is not a room that was joined');
	phone.task.say(welcome());
	assert.equal(phone.task.take()[0].content, 'early');
});

test('an unacknowledged message is sent again with the same cid', async () => {
	const socket = await online();
	const { cid, done } = socket.send({ text: true, content: 'hi' });

	phone.task.die();
	await reconnected(1000, { id: 0 });
	assert.deepEqual(phone.task.take(), [{ text: true, content: 'hi', cid }]);
	phone.task.say(message(1, { type: 'user', cid }));
	await done;
});

test('an acknowledgement that was lost is found in the replay, and nothing is sent again', async () => {
	const socket = await online();
	const { cid, done } = socket.send({ text: true, content: 'hi' });

	phone.task.die();
	await reconnected(1000, { id: 2 });
	phone.task.say(message(1));
	assert.deepEqual(phone.task.take(), [], 'not before everything missed has come');
	phone.task.say(message(2, { type: 'user', cid }));
	await done;
	assert.deepEqual(phone.task.take(), []);
});

test('a line that swallows a message is replaced, and the message sent again', async () => {
	const socket = await online();
	const { cid } = socket.send({ text: true, content: 'hi' });
	const first = phone.task;

	for (let i = 0; i < 3; i++) {
		await phone.clock.pass(5000);
		first.say({ type: 'system', event: 'pong', room: 'lobby', num: 1 });
	}
	await phone.clock.pass(1000);
	assert.notEqual(phone.task, first);
	phone.task.open();
	phone.task.say(welcome());
	assert.equal(phone.task.take()[0].cid, cid);
});

test('sent too long ago to be repeated safely, and not to be found: it fails', async () => {
	const socket = await online();
	const { done } = socket.send({ text: true, content: 'hi' });

	phone.tell('hide');
	await phone.clock.pass(9.5 * 60 * 1000);
	phone.tell('show');
	await reconnected(100, { id: 900, recovered: false });
	phone.task.say({ type: 'system', event: 'gap', room: 'lobby', num: 1, since: 0, first: 901, id: 900, epoch: 'e1' });
	await assert.rejects(done, { code: 'ERR_UNCERTAIN' });
});

test('a refused message fails with the reason, and the next one leaves', async () => {
	const socket = await online();
	const risky = socket.send({ text: true, content: 'risky' });

	socket.send({ text: true, content: 'fine' });
	phone.task.take();
	phone.task.say({ type: 'system', event: 'refused', reason: 'ERR_RISKY_CONTENT', message: 'no', cid: risky.cid, num: 1 });
	await assert.rejects(risky.done, { code: 'ERR_RISKY_CONTENT' });
	assert.equal(phone.task.take()[0].content, 'fine');
});

test('too fast is not refused but later', async () => {
	const socket = await online();
	const { cid } = socket.send({ text: true, content: 'hi' });

	phone.task.take();
	phone.task.say({ type: 'system', event: 'refused', reason: 'ERR_RATE_LIMITED', message: 'slow', cid, num: 1 });
	await settle();
	assert.deepEqual(phone.task.take(), []);
	await phone.clock.pass(1500);
	assert.equal(phone.task.take()[0].cid, cid);
});

test('a hundred may wait, the next fails', async () => {
	const socket = client.connect({ room: 'lobby' });

	for (let i = 0; i < 100; i++)
		socket.send({ text: true, content: `${i}` });
	await assert.rejects(socket.send({ text: true, content: 'more' }).done, { code: 'ERR_QUEUE_FULL' });
});

test('a request is answered by its cid, refused by it, and fails with the connection', async () => {
	const socket = await online();
	const history = socket.ask({ op: 'history', before: 5 });
	const recall = socket.ask({ op: 'recall', id: 1 });
	const [first, second] = phone.task.take();

	phone.task.say({ type: 'system', event: 'history', cid: first.cid, messages: [], more: false, num: 1 });
	phone.task.say({ type: 'system', event: 'refused', reason: 'ERR_FORBIDDEN', message: 'no', cid: second.cid, num: 1 });
	assert.deepEqual((await history).messages, []);
	await assert.rejects(recall, { code: 'ERR_FORBIDDEN' });
	const late = socket.ask({ op: 'members' });

	phone.task.die();
	await assert.rejects(late, { code: 'ERR_DISCONNECTED' });
	await assert.rejects(socket.ask({ op: 'members' }), { code: 'ERR_DISCONNECTED' });
});

test('a request without an answer fails after ten seconds', async () => {
	const socket = await online();
	const asked = assert.rejects(socket.ask({ op: 'members' }), { code: 'ERR_TIMEOUT' });

	await phone.clock.pass(10000);
	await asked;
});

test('a session that died on the server is renewed at once, and the message still arrives', async () => {
	const socket = await online({ id: 7 });
	const { cid } = socket.send({ text: true, content: 'hi' });
	const before = client.buildSessionHeader();
	const heard = listen(socket, 'banned', 'failed');

	phone.task.say(sessionError('ERR_INVALID_SESSION').data);
	phone.task.die(4401);
	await reconnected(0, { id: 7 });
	assert.equal(logins, 2);
	assert.notDeepEqual(phone.task.options.header, before);
	assert.equal(phone.task.query.since, '7');
	assert.equal(phone.task.take()[0].cid, cid);
	assert.deepEqual(heard, []);
});

test('a close with 4401 alone says the same', async () => {
	await online();
	phone.task.die(4401);
	await reconnected(0);
	assert.equal(logins, 2);
});

test('a new session that is refused as well: the headers were lost, so the URL carries it too, and not in a hurry', async () => {
	await online();
	phone.task.say(sessionError('ERR_INVALID_SESSION').data);
	await phone.clock.pass(0);
	assert.equal(phone.task.query['X-WX-Id'], undefined);
	phone.task.open();
	phone.task.say(sessionError('ERR_INVALID_SESSION').data);
	const { task } = phone;

	await phone.clock.pass(100);
	assert.equal(phone.task, task);
	await phone.clock.pass(2000);
	assert.equal(phone.task.query['X-WX-Id'], client.buildSessionHeader()['X-WX-Id']);
	assert.equal(phone.task.query['X-WX-Skey'], client.buildSessionHeader()['X-WX-Skey']);
});

for (const [how, ban] of [
	['by the error object', () => phone.task.say(sessionError('ERR_BANNED', 403).data)],
	['by the close code', () => phone.task.die(4403)],
]) {
	test(`a banned user is told, ${how}, and left alone`, async () => {
		const socket = await online();
		const heard = listen(socket, 'banned');
		const count = phone.tasks.length;

		ban();
		await phone.clock.pass(120000);
		assert.equal(heard.length, 1);
		assert.equal(socket.state, 'closed');
		assert.equal(phone.tasks.length, count);
	});
}

test('a banned login ends it as well', async () => {
	const socket = client.connect({ room: 'lobby' });
	const heard = listen(socket, 'banned');

	phone.answer = () => sessionError('ERR_BANNED', 403);
	socket.open();
	await phone.clock.pass(60000);
	assert.equal(heard.length, 1);
	assert.equal(phone.requests.length, 1);
});

test('a login that fails is told and tried again with growing waits', async () => {
	const socket = client.connect({ room: 'lobby' });
	const heard = listen(socket, 'failed');

	phone.answer = () => sessionError('ERR_WECHAT_BUSY', 503);
	socket.open();
	await phone.clock.pass(60000);
	assert.equal(heard[0][1].code, 'ERR_WECHAT_BUSY');
	assert.ok(heard.length >= 5 && heard.length <= 9, `${heard.length} tries in a minute`);
	phone.answer = () => loginAnswer(++logins);
	while (!phone.task)
		await phone.clock.pass(1000);
	await reconnected(0);
	assert.equal(socket.state, 'online');
});

test('waits grow to half a minute and are half random', async () => {
	const socket = client.connect({ room: 'lobby' });
	const waits = [];

	await client.login();
	for (const luck of [0, 1]) {
		Math.random = () => luck;
		socket.open();
		await settle();
		for (let i = 0; i < 9; i++) {
			const from_ms = phone.clock.now_ms;
			const count = phone.tasks.length;

			phone.task.die();
			while (phone.tasks.length === count)
				await phone.clock.pass(50);
			waits.push(phone.clock.now_ms - from_ms);
		}
		socket.close();
		await phone.clock.pass(20000);
	}
	assert.deepEqual(waits, [
		250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000,
		500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000,
	]);
});

test('silence is answered by a ping, and silence after that by a new connection', async () => {
	await online();
	const first = phone.task;

	await phone.clock.pass(20000);
	assert.deepEqual(first.take(), [{ op: 'ping' }]);
	first.say({ type: 'system', event: 'pong', room: 'lobby', num: 1, time: 1 });
	await phone.clock.pass(20000);
	assert.deepEqual(first.take(), [{ op: 'ping' }]);
	await phone.clock.pass(9000);
	assert.notEqual(phone.task, first);
	assert.ok(first.closed);
});

test('any frame is a sign of life', async () => {
	await online();
	const first = phone.task;

	for (let i = 1; i < 10; i++) {
		await phone.clock.pass(15000);
		first.say(message(i));
	}
	assert.deepEqual(first.take(), []);
	assert.equal(phone.task, first);
});

test('a server that accepts and says nothing is given up', async () => {
	const socket = client.connect({ room: 'lobby' });

	socket.open();
	await settle();
	phone.task.open();
	await phone.clock.pass(10500);
	assert.equal(phone.tasks.length, 2);
});

test('events of a former connection mean nothing', async () => {
	const socket = await online({ id: 7 });
	const heard = listen(socket, 'message', 'state');
	const first = phone.task;

	first.die();
	await reconnected(1000, { id: 7 });
	heard.length = 0;
	first.say(message(8));
	first.die();
	first.handlers.error({ errMsg: 'late' });
	first.open();
	await phone.clock.pass(3000);
	assert.deepEqual(heard, []);
	assert.equal(phone.tasks.length, 2);
	assert.ok(first.closed, 'one that opens late is closed again');
});

test('a send that fails is a dead connection', async () => {
	const socket = await online();

	phone.task.failing = true;
	const { cid } = socket.send({ text: true, content: 'hi' });

	await reconnected(1000);
	assert.equal(phone.task.take()[0].cid, cid);
});

test('nothing is tried while hidden; shown again after long, the connection is made anew', async () => {
	const socket = await online({ id: 7 });
	const first = phone.task;

	phone.tell('hide');
	await phone.clock.pass(60000);
	assert.deepEqual(first.take(), []);
	assert.equal(phone.tasks.length, 1);
	phone.tell('show');
	await reconnected(0, { id: 7 });
	assert.equal(phone.tasks.length, 2);
	assert.equal(phone.task.query.since, '7');
	assert.equal(socket.state, 'online');
});

test('shown again soon, one ping with three seconds decides', async () => {
	await online();
	const first = phone.task;

	phone.tell('hide');
	await phone.clock.pass(2000);
	phone.tell('show');
	assert.deepEqual(first.take(), [{ op: 'ping' }]);
	await phone.clock.pass(3600);
	assert.notEqual(phone.task, first);
});

test('a connection lost while hidden is made when shown', async () => {
	await online();
	phone.tell('hide');
	phone.task.die();
	await phone.clock.pass(60000);
	assert.equal(phone.tasks.length, 1);
	phone.tell('show');
	await settle();
	assert.equal(phone.tasks.length, 2);
});

test('hidden in the middle of a login: shown again, it goes on', async () => {
	const socket = client.connect({ room: 'lobby' });
	let release;

	phone.answer = () => new Promise((resolve) => {
		release = () => resolve(loginAnswer(1));
	});
	socket.open();
	await settle();
	phone.tell('hide');
	release();
	await settle();
	assert.equal(phone.tasks.length, 0);
	phone.tell('show');
	await settle();
	assert.equal(phone.tasks.length, 1);
});

test('a network that comes back is used at once', async () => {
	await online();
	phone.task.die();
	for (let i = 0; i < 6; i++) {
		await phone.clock.pass(30000);
		phone.task.die();
	}
	const count = phone.tasks.length;

	phone.tell('network', { isConnected: true, networkType: 'wifi' });
	await settle();
	assert.equal(phone.tasks.length, count + 1);
});

test('a network that goes is noticed within seconds', async () => {
	const socket = await online();

	phone.tell('network', { isConnected: false, networkType: 'none' });
	await phone.clock.pass(3000);
	assert.equal(socket.state, 'waiting');
});

test('never more than four sockets, those without an onClose included', async () => {
	await online();
	for (let i = 0; i < 40; i++) {
		phone.tell('hide');
		await phone.clock.pass(i % 2 ? 5100 : 100);
		phone.tell('show');
		await phone.clock.pass(400);
		const young = phone.tasks.filter((task) => !task.closed || task.closed.at_ms > phone.clock.now_ms - 10000);

		assert.ok(young.length <= 4);
	}
});

for (const how of ['none', 'now', 'later']) {
	test(`a connectSocket that fails (${how}) is tried again`, async () => {
		const socket = client.connect({ room: 'lobby' });

		phone.socketFails = how;
		socket.open();
		await phone.clock.pass(1000);
		phone.socketFails = null;
		await phone.clock.pass(10000);
		phone.task.open();
		phone.task.say(welcome());
		assert.equal(socket.state, 'online');
	});
}

test('a restart of the server is followed within two seconds, spread out', async () => {
	await online();
	phone.task.die(1012);
	await phone.clock.pass(999);
	assert.equal(phone.tasks.length, 1);
	await phone.clock.pass(1);
	assert.equal(phone.tasks.length, 2);
});

test('closed for talking too fast, it stays away for seconds', async () => {
	await online();
	phone.task.die(4429);
	await phone.clock.pass(5000);
	assert.equal(phone.tasks.length, 1);
	await phone.clock.pass(5000);
	assert.equal(phone.tasks.length, 2);
});

test('a closed socket is closed: no timer, no listener, no further connection', async () => {
	const socket = await online();

	socket.close();
	assert.ok(phone.task.closed);
	assert.deepEqual(Object.values(phone.handlers).map((list) => list.length), [0, 0, 0]);
	await phone.clock.pass(600000);
	assert.equal(phone.tasks.length, 1);
	assert.equal(phone.clock.timers.size, 0);
});

test('a second room is joined now and again after a reconnect, with its own place', async () => {
	const socket = await online({ id: 7 });

	socket.join('cats');
	assert.deepEqual(phone.task.take(), [{ op: 'join', room: 'cats' }]);
	phone.task.say(welcome({ room: 'cats', id: 40, epoch: 'c1' }));
	phone.task.say(message(41, { room: 'cats' }));
	phone.task.die();
	await reconnected(1000, { id: 7 });
	assert.equal(phone.task.query.since, '7');
	assert.deepEqual(phone.task.take(), [{ op: 'join', room: 'cats', since: 41, epoch: 'c1' }]);
	phone.task.say(welcome({ room: 'cats', id: 41, epoch: 'c1' }));
	socket.send({ room: 'cats', text: true, content: 'miau' });
	assert.equal(phone.task.take()[0].room, 'cats');
});

test('garbage from the server harms nobody', async () => {
	const socket = await online();

	for (const data of ['', '{', 'null', '[]', '5', '"x"', '{"type":"system"}', '{"type":"system","event":"gap"}',
		'{"type":"user"}', '{"id":1}', '{"type":"system","event":"welcome"}'])
		phone.task.say(data);
	assert.equal(socket.state, 'online');
});
