// A replay goes on piece by piece, as fast as it is taken: what waits for a connection is bounded by queue_kb, however much it
// missed, and still nothing is lost, doubled or out of order.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { newRoom, startChat } from './lib/chat.mjs';

const queue_kb = 64, MESSAGES = 400, SIZE = 8000;
let chat;
before(async () => {
	chat = await startChat({ push: { queue_kb, rate: 0 },
		env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` } });	// what is freed counts as free
});
after(() => chat?.stop());

const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

// Fills the room, and gives its writer.
async function fill(room, n = MESSAGES, size = SIZE) {
	const writer = await chat.join('写手', room);
	for (let i = 1; i <= n; i++) {
		writer.send({ text: true, content: `${i}`.padEnd(size, '.'), cid: `${room}.${i}` });
		if (i % 20 === 0)
			await writer.hear((o) => o.id === i);
	}
	await writer.hear((o) => o.id === n);
	return writer;
}

// What the server has written to memory of its own.
function memory() {
	const text = fs.readFileSync(`/proc/${chat.sys.pushProgram.child.pid}/smaps_rollup`, 'utf8');
	return Number(text.match(/^Anonymous:\s+(\d+) kB/m)[1]) << 10;
}

test('what is said during a replay comes behind it, and one\'s own words in their place', async () => {
	const room = newRoom(), more = 200;
	const writer = await fill(room);
	const back = await chat.client({ room, since: 0 }, (await chat.session('小红')).headers);
	await back.event('welcome');
	back.socket.pause();
	const others = [...range(1, more)].map((i) => writer.ask({ text: true, content: `live ${i}` }));
	for (let i = 1; i <= 20; i++)
		back.send({ text: true, content: `mine ${i}`, cid: `mine.${i}` });
	await Promise.all(others);
	back.socket.resume();
	const last = MESSAGES + more + 20;
	await back.hear((o) => o.id === last && o.type !== 'system');
	assert.deepEqual(back.ids, range(1, last));
	assert.equal(back.messages.filter((o) => o.type === 'user' && o.cid.startsWith('mine.')).length, 20);
	const late = await writer.say('live again');
	await back.hear((o) => o.id === late.id && o.type === 'remote');
	assert.deepEqual(back.ids, range(1, last + 1));
});

test('who leaves and enters again in one breath gets what the last entry asks for, once', async () => {
	const room = newRoom(), said = 40;
	const writer = await fill(room, said);
	for (const [since, expected] of [[undefined, []], [0, range(1, said)], [said - 5, range(said - 4, said)]]) {
		const back = await chat.client({ room }, (await chat.session('小红')).headers);
		await back.event('welcome');
		back.socket._socket.cork();	// the server reads them together
		back.send({ op: 'join', room, since: 0, cid: 'again' });
		back.send({ op: 'leave', room, cid: 'leave' });
		back.send({ op: 'join', room, since, cid: 'anew' });
		back.socket._socket.uncork();
		await back.hear((o) => o.event === 'welcome' && o.cid === 'anew');
		const end = await writer.say('the end');
		await back.hear((o) => o.id === end.id && o.type === 'remote');
		const from = back.heard.findIndex((o) => o.event === 'welcome' && o.cid === 'anew');
		const heard = back.heard.slice(from).filter((o) => o.id && o.id <= said && o.content?.startsWith(`${o.id}.`)).map((o) => o.id);
		assert.deepEqual(heard, expected, `since ${since}`);
		back.socket.close();
	}
});

test('many who take nothing cost a piece each', async () => {
	const room = newRoom(), many = 30;
	const writer = await fill(room);
	const before_bytes = memory();
	const session = await chat.session('小红');
	const silent = await Promise.all(range(1, many).map(async () => {
		const client = chat.client({ room, since: 0 }, session.headers);
		await client.opened;
		client.socket.pause();
		return client;
	}));
	for (let i = 0; i < 20; i++)	/* behind their joins */
		await writer.say('all have joined');
	const grown = memory() - before_bytes;
	assert.ok(grown < many * 2 * queue_kb * 1024 + (4 << 20), `${grown >> 10} KiB more for ${many}`);
	silent.forEach((client) => client.socket.resume());
	await Promise.all(silent.map(async (client) => {
		await client.hear((o) => o.id === MESSAGES + 20);
		assert.deepEqual(client.ids, range(1, MESSAGES + 20));
		client.close();
		await client.closed;
	}));
});

test('who asks for the past again and again gets it whole once more, and costs no more for it', async () => {
	const room = newRoom(), again = 20;
	const writer = await fill(room, 200);
	const client = await chat.join('小红', room);
	const before_bytes = memory();
	client.socket.pause();
	for (let i = 0; i < again; i++)
		client.send({ op: 'join', room, since: 0, cid: `again.${i}` });
	for (let i = 0; i < 20; i++) {
		await writer.ask({ op: 'ping' });
		assert.ok(memory() - before_bytes < 4 << 20, `${(memory() - before_bytes) >> 10} KiB more`);
	}
	client.socket.resume();
	const welcome = await client.hear((o) => o.cid === `again.${again - 1}`);
	assert.equal(welcome.recovered, true);
	await client.hear((o) => o.id === 200 && o.type === 'remote', client.heard.indexOf(welcome));
	const behind = client.heard.slice(client.heard.indexOf(welcome)).filter((o) => o.type === 'remote').map((o) => o.id);
	assert.deepEqual(behind, range(1, 200));
});

test('rooms that are caught up with at once take turns', async () => {
	const long = newRoom(), all = 500, short = [1, 2, 3].map(() => newRoom()), said = 100;
	await fill(long, all, 15000);	// more than the kernel takes for a reader who is not there
	const writers = await Promise.all(short.map((room) => fill(room, said)));
	const client = await chat.client({}, (await chat.session('小红')).headers);
	await client.opened;
	client.socket.pause();
	client.socket._socket.cork();	// the server reads them together
	for (const room of [...short, long])
		client.send({ op: 'join', room, since: 0 });
	client.socket._socket.uncork();
	await Promise.all(writers.map((writer) => writer.event('join')));
	client.socket.resume();
	const ends = await Promise.all([long, ...short].map((room) =>
		client.hear((o) => o.room === room && o.type === 'remote' && o.id === (room === long ? all : said))));
	for (const room of [long, ...short])
		assert.deepEqual(client.messages.filter((o) => o.room === room).map((o) => o.id), range(1, room === long ? all : said));
	for (const end of ends.slice(1))
		assert.ok(client.heard.indexOf(end) < client.heard.indexOf(ends[0]), `${end.room} had to wait for all of ${long}`);
});

test('what is recalled during a replay is not replayed', async () => {
	const room = newRoom();
	const writer = await fill(room);
	const back = await chat.client({ room, since: 0, events: 'all' }, (await chat.session('小红')).headers);
	await back.event('welcome');
	back.socket.pause();
	for (const id of [MESSAGES, MESSAGES - 1])
		assert.equal((await writer.ask({ op: 'recall', id })).event, 'recalled');
	back.socket.resume();
	const copy = await writer.say('the end');
	await back.hear((o) => o.id === copy.id && o.type === 'remote');
	assert.deepEqual(back.ids, range(1, copy.id));
	for (const id of [MESSAGES, MESSAGES - 1]) {
		const shown = back.heard.some((o) => o.type === 'remote' && o.id === id && o.recalled);
		assert.ok(shown || back.heard.some((o) => o.event === 'recall' && o.id === id), `${id} is still shown`);
	}
});

test('who leaves or is cut off in the middle of a replay leaves nothing behind', async () => {
	const room = newRoom();
	const writer = await fill(room);
	const before_bytes = memory();
	for (let i = 0; i < 10; i++) {
		const client = await chat.client({ room, since: 0 }, (await chat.session('小红')).headers);
		await client.event('welcome');
		client.socket.pause();
		if (i % 2) {
			client.send({ op: 'leave', room });
			client.socket.resume();
			await client.event('left');
			assert.equal((await client.ask({ op: 'join', room, since: MESSAGES - 3 })).event, 'welcome');
			const from = client.heard.length;
			await client.hear((o) => o.id === MESSAGES, from - 1);
			client.close();
		} else {
			client.socket.terminate();
		}
		await client.closed;
	}
	await writer.say('the others have gone');
	assert.ok(memory() - before_bytes < 4 << 20, `${(memory() - before_bytes) >> 10} KiB more`);
});
