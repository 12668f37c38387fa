// A soak: random clients connect, talk, stall, send garbage and vanish, for SOAK_S seconds (600).  Afterwards the push server's
// memory and descriptors are back where they began, it still answers, and nothing it promised was broken meanwhile:
// ids in a room come without gap or double to whoever stays.
//   SOAK_S=60 WXCHAT_BUILD=build/bin node tests/soak/soak.mjs      SOAK_SEED=n repeats a run's choices
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequire } from 'node:module';
const WebSocket = createRequire(new URL('../package.json', import.meta.url))('ws');
import { startSystem } from '../integration/lib/system.mjs';

const seconds = Number(process.env.SOAK_S ?? 600);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1e9);
const crowd = 60;
let state = seed;

function random(below) {	// a small generator, so that a seed repeats the choices
	state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
	return state % below;
}
const pick = (list) => list[random(list.length)];
const rooms = ['lobby', '大厅', 'a', 'b', 'c'];
const counts = {};
const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };

const system = await startSystem({ push: true, config: { push: { rate: 0, drain_s: 0, leave_grace_s: 1, queue_kb: 64, handshake_s: 2 } } });
const pid = system.pushProgram.child.pid;
const users = [];
for (let i = 0; i < 20; i++)
	users.push(await system.login(`user${i}`));

const descriptors = () => fs.readdirSync(`/proc/${pid}/fd`).length;
const memory = () => {
	const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	return Number(text.match(/Private_Dirty:\s+(\d+) kB/)[1]);
};
const address = (user, room) => `ws://127.0.0.1:${system.pushPort}/ws?` +
	new URLSearchParams({ 'X-WX-Id': user.id, 'X-WX-Skey': user.skey, room });

// A member that stays throughout and holds the server to its word.
class Witness {
	async start() {
		this.last = 0;
		this.wrong = [];
		this.socket = new WebSocket(address(users[0], 'lobby'));
		this.socket.on('message', (data, isBinary) => {
			if (isBinary)
				return;
			const m = JSON.parse(data);
			if (m.event === 'welcome')
				this.last = m.id;
			if (m.type !== 'user' && m.type !== 'remote')
				return;
			if (m.id !== this.last + 1)
				this.wrong.push(`${m.id} after ${this.last}`);
			this.last = m.id;
		});
		await once(this.socket, 'open');
	}
}

const behaviours = {
	async talk(socket) {
		for (let n = random(20); n > 0 && socket.readyState === WebSocket.OPEN; n--) {
			socket.send(JSON.stringify({ text: true, content: 'x'.repeat(random(2000)), cid: `${random(1e9)}` }));
			await sleep(random(30));
		}
		socket.close();
	},
	async ask(socket) {
		for (const op of ['members', 'history', 'typing', 'ping', 'join', 'leave'])
			socket.send(JSON.stringify({ op, room: pick(rooms), cid: op }));
		await sleep(random(100));
		socket.close();
	},
	async stall(socket) {	// takes nothing for a while
		socket._socket.pause();
		await sleep(500 + random(1500));
		socket.terminate();
	},
	async vanish(socket) {
		socket.send(JSON.stringify({ text: true, content: 'and gone' }));
		socket.terminate();
	},
	async reset(socket) {
		socket._socket.resetAndDestroy();
	},
	async binary(socket) {
		for (let n = random(30); n > 0 && socket.readyState === WebSocket.OPEN; n--)
			socket.send(Buffer.alloc(random(15000)));
		await sleep(random(200));
		socket.close();
	},
	async mangle(socket) {	// bytes that are no frame
		socket._socket.write(Buffer.from(Array.from({ length: random(200) }, () => random(256))));
		await sleep(50);
		socket.terminate();
	},
};

async function client() {
	if (random(10) === 0) {		// garbage instead of a handshake, or silence
		const raw = net.connect(system.pushPort, '127.0.0.1');
		raw.on('error', () => {});
		if (random(2))
			raw.write(Buffer.from(Array.from({ length: random(9000) }, () => random(256))));
		count('raw');
		await sleep(random(300));
		raw.destroy();
		return;
	}
	const socket = new WebSocket(address(pick(users), pick(rooms)), { perMessageDeflate: random(2) === 0 });
	socket.on('error', () => {});
	const opened = await Promise.race([once(socket, 'open').then(() => true, () => false), sleep(5000, false)]);
	if (!opened) {
		count('not opened');
		socket.terminate();
		return;
	}
	const name = pick(Object.keys(behaviours));
	count(name);
	await behaviours[name](socket);
	if (socket.readyState !== WebSocket.CLOSED) {
		await Promise.race([once(socket, 'close'), sleep(3000)]);
		socket.terminate();
	}
}

async function storm(ms) {
	const until = Date.now() + ms;
	await Promise.all(Array.from({ length: crowd }, async () => {
		while (Date.now() < until)
			await client();
	}));
}

// Until only so many descriptors are open, for a bounded time.
async function settle(wanted) {
	for (let i = 0; i < 200 && descriptors() > wanted; i++)
		await sleep(50);
	return descriptors();
}

try {
	const bare = descriptors();
	const witness = new Witness();
	await witness.start();
	const began = descriptors();
	await storm(Math.min(10000, seconds * 200));	// what is allocated once for all is allocated here
	await settle(began);
	await sleep(1500);
	const before = memory();
	await storm(seconds * 1000);
	const after = await settle(began);
	await sleep(1500);
	const grown = memory() - before;
	console.log(`soak: ${seconds} s, seed ${seed}, ${Object.entries(counts).map(([k, v]) => `${k} ${v}`).join(', ')}`);
	console.log(`soak: ${witness.last} messages seen by one who stayed; descriptors ${began} -> ${after}; ` +
		`memory ${before} -> ${before + grown} KiB`);
	assert.deepEqual(witness.wrong, [], 'ids come without gap or double');
	assert.ok(witness.last > 0, 'somebody was heard');
	assert.equal(after, began, 'descriptors are back');
	assert.ok(grown < 3072, `memory is back: ${grown} KiB more`);
	witness.socket.close();
	await once(witness.socket, 'close');
	assert.equal(await settle(bare), bare, 'and back to none');
	const errors = system.pushProgram.lines.filter((line) => / error /.test(line));
	assert.deepEqual(errors, [], 'nothing went wrong');
	console.log('soak: passed');
} catch (error) {
	console.error(error);
	process.exitCode = 1;
} finally {
	await system.stop();
}
