// websocket-stream pipes a file from one client to another through the room, byte for byte, while the chat goes on; and a
// reader that stops slows the sender and costs no memory.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import websocketStream from 'websocket-stream';
import { newRoom, startChat } from './lib/chat.mjs';

const SIZE = 20 << 20;

let chat;
before(async () => {
	chat = await startChat({ push: { max_message_kb: 64 },
		env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` } });	// what is freed counts as free
});
after(() => chat?.stop());

// A stream of the user's in the room.  What the server says in text comes first, and is not part of the file.
async function stream(user, room) {
	const { headers } = await chat.session(user);
	const duplex = websocketStream(`${chat.url}?room=${encodeURIComponent(room)}`, { headers, perMessageDeflate: false });
	duplex.on('error', () => {});
	await once(duplex.socket, 'open');
	return duplex;
}

// Its binary messages alone: websocket-stream itself hands over text as if it were bytes.
function bytesOnly(duplex) {
	const { socket } = duplex;
	const queue = new Readable({ read() {}, highWaterMark: 1 << 20 });
	socket.onmessage = (event) => {
		if (typeof event.data !== 'string')
			queue.push(Buffer.from(event.data));
	};
	return queue;
}

function pieces(size, each) {
	let left = size;
	return new Readable({
		read() {
			const n = Math.min(each, left);
			left -= n;
			this.push(n ? crypto.randomBytes(n) : null);
		},
	});
}

function memory() {
	const status = fs.readFileSync(`/proc/${chat.sys.pushProgram.child.pid}/status`, 'utf8');
	return Number(status.match(/^RssAnon:\s+(\d+)/m)[1]) * 1024;
}

test('20 MB arrive byte for byte while the others chat', async () => {
	const room = newRoom();
	const sender = await stream('小明', room), receiver = await stream('小红', room);
	const talker = await chat.join('小华', room);
	const sent = crypto.createHash('sha256'), received = crypto.createHash('sha256');
	const arriving = bytesOnly(receiver);
	let count = 0, chatted = 0, done = false;
	const all = new Promise((resolve) => arriving.on('data', (chunk) => {
		received.update(chunk);
		count += chunk.length;
		if (count >= SIZE)
			resolve();
	}));
	const source = pieces(SIZE, 48 << 10);
	source.on('data', (chunk) => sent.update(chunk));
	const chatting = (async () => {
		while (!done) {
			await talker.say(`${chatted}`);
			chatted++;
		}
	})();
	source.pipe(sender);
	await all;
	done = true;
	await chatting;
	assert.equal(count, SIZE);
	assert.equal(received.digest('hex'), sent.digest('hex'));
	assert.ok(chatted > 1, `${chatted} messages meanwhile`);
	const heard = () => talker.binary.reduce((sum, piece) => sum + piece.length, 0);
	while (heard() < SIZE)	// every other member hears it, in its own time
		await talker.ask({ op: 'ping' });
	assert.equal(heard(), SIZE);
	sender.destroy();
	receiver.destroy();
});

test('a plain pipe of a file, its chunks as Node reads and joins them, arrives with max_message_kb = 128', async () => {
	const wide = await startChat({ push: { max_message_kb: 128 } });
	try {
		const file = path.join(wide.sys.dir, 'file'), sent = crypto.randomBytes(4 << 20);
		fs.writeFileSync(file, sent);
		for (const source of [() => fs.createReadStream(file), () => fs.createReadStream(file, { highWaterMark: 15000 })]) {
			const room = newRoom(), receiver = await wide.join('小红', room), { headers } = await wide.session('小明');
			const sender = websocketStream(`${wide.url}?room=${room}`, { headers, perMessageDeflate: false });
			sender.on('error', () => {});
			source().pipe(sender);
			const length = () => receiver.binary.reduce((sum, piece) => sum + piece.length, 0);
			while (length() < sent.length)
				await Promise.race([once(receiver.socket, 'message'), receiver.closed.then(() => assert.fail('closed'))]);
			assert.ok(Buffer.concat(receiver.binary).equals(sent));
			await receiver.event('leave');	// pipe ends the stream behind the file
		}
	} finally {
		await wide.stop();
	}
});

test('pieces keep their borders and their order, and the sender does not hear its own', async () => {
	const room = newRoom();
	const a = await chat.join('小明', room), b = await chat.join('小红', room), c = await chat.join('小明', room);
	const sizes = [0, 1, 125, 126, 127, 1000, 65535, 65536];
	for (const size of sizes)
		a.socket.send(Buffer.alloc(size, size & 255));
	await a.say('end');
	await b.hear((o) => o.content === 'end');
	await c.hear((o) => o.content === 'end');
	while (b.binary.length < sizes.length || c.binary.length < sizes.length)
		await a.ask({ op: 'ping' });
	for (const one of [b, c]) {
		assert.deepEqual(one.binary.map((d) => d.length), sizes);
		one.binary.forEach((d, i) => assert.ok(d.every((byte) => byte === (sizes[i] & 255))));
	}
	assert.deepEqual(a.binary, []);
	// streams stay text-free for nobody: the other dialects and rooms hear nothing of it
	const elsewhere = await chat.join('小华', newRoom());
	a.socket.send(Buffer.from('x'));
	await elsewhere.say('quiet');
	assert.deepEqual(elsewhere.binary, []);
});

test('in no room it is refused in words', async () => {
	const client = chat.client({ room: '@private' }, (await chat.session('小明')).headers);
	await client.hear((o) => o.reason === 'ERR_FORBIDDEN');
	client.socket.send(Buffer.from('x'));
	assert.match((await client.hear((o) => o.reason === 'ERR_BAD_REQUEST')).message, /in no room/);
	const room = newRoom();
	await client.ask({ op: 'join', room });
	await client.say('still here', { room });
});

test('a reader that stops slows the sender; the server’s memory stays bounded; then all arrives', async () => {
	const room = newRoom();
	const sender = await stream('小明', room), reader = await chat.join('小红', room), other = await chat.join('小华', newRoom());
	const before_bytes = memory(), sent = crypto.createHash('sha256'), got = crypto.createHash('sha256');
	let written = 0, received = 0;
	reader.socket.on('message', (data, isBinary) => {
		if (isBinary) {
			got.update(data);
			received += data.length;
		}
	});
	reader.binary = { push() {} };
	reader.socket._socket.pause();
	const flow = pipeline(pieces(SIZE, 48 << 10), new Writable({
		write(chunk, encoding, callback) {
			sent.update(chunk);
			sender.socket.send(chunk, (error) => {
				written += chunk.length;
				callback(error);
			});
		},
	}));
	// the sender comes to a stand: nothing more is taken while others ask and are answered many times
	let stood = 0, last = -1;
	while (stood < 300) {
		await other.ask({ op: 'ping' });
		stood = written === last ? stood + 1 : 0;
		last = written;
	}
	assert.ok(written < SIZE, 'the sender was not slowed');
	assert.ok(memory() - before_bytes < 8 << 20, `${(memory() - before_bytes) >> 20} MB more`);
	await other.say('others are not slowed');
	reader.socket._socket.resume();
	await flow;
	while (received < SIZE && !reader.end)
		await other.ask({ op: 'ping' });
	assert.equal(received, SIZE);
	assert.equal(got.digest('hex'), sent.digest('hex'));
	sender.destroy();
});

test('a reader that goes lets the sender go on', async () => {
	const room = newRoom();
	const sender = await chat.join('小明', room), reader = await chat.join('小红', room), good = await chat.join('小华', room);
	reader.socket._socket.pause();
	let written = 0;
	for (let i = 0; i < 400; i++)
		sender.socket.send(Buffer.alloc(40000, i), () => {
			written++;
		});
	await good.ask({ op: 'ping' });
	await reader.drop();
	while (good.binary.length < 400)
		await new Promise((resolve) => good.socket.once('message', resolve));
	assert.ok(written <= 400);
	good.binary.forEach((data, i) => assert.ok(data.every((byte) => byte === (i & 255))));
	await sender.say('done');
});
