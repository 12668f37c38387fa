// Clients of the chat, as the tests of push-server use them: what one hears is kept in order and can be waited for, and
// nobody sleeps.
//
//   const chat = await startChat({ push: { rate: 0 } });
//   const ming = await chat.join('小明', 'room');
//   const copy = await ming.say({ text: true, content: 'hi' });
import assert from 'node:assert/strict';
import { once } from 'node:events';
import crypto from 'node:crypto';
import WebSocket from 'ws';
import { startSystem } from './system.mjs';

const PATIENCE_MS = 30000;	// a hung test says what it waited for

export class Client {
	constructor(url, options = {}) {
		this.heard = [];
		this.binary = [];
		this.waiting = new Set();
		this.socket = new WebSocket(url, { perMessageDeflate: false, ...options });
		this.opened = once(this.socket, 'open');
		this.opened.catch(() => {});
		this.socket.on('error', () => {});
		this.socket.on('message', (data, isBinary) => {
			if (isBinary) {
				this.binary.push(data);
				return;
			}
			const object = JSON.parse(data);
			this.heard.push(object);
			this.onHeard?.(object);
			for (const waiter of [...this.waiting])
				waiter.look();
		});
		this.closed = new Promise((resolve) => this.socket.on('close', (code, reason) => {
			this.end = { code, reason: String(reason) };
			for (const waiter of [...this.waiting])
				waiter.look();
			resolve(this.end);
		}));
	}

	// The first object for which wanted(object) holds, of those behind number `from` of what it heard (default: all).
	hear(wanted, from = 0) {
		return new Promise((resolve, reject) => {
			const waiter = {
				at: from,
				look: () => {
					for (; waiter.at < this.heard.length; waiter.at++)
						if (wanted(this.heard[waiter.at]))
							return waiter.finish(() => resolve(this.heard[waiter.at]));
					if (this.end)
						waiter.finish(() => reject(this.complaint(`closed with ${this.end.code}`)));
					return undefined;
				},
				finish: (run) => {
					clearTimeout(waiter.late);
					this.waiting.delete(waiter);
					run();
				},
			};
			waiter.late = setTimeout(() => waiter.finish(() => reject(this.complaint('heard nothing such'))), PATIENCE_MS);
			this.waiting.add(waiter);
			waiter.look();
		});
	}

	complaint(what) {
		return new Error(`${what}; the last it heard: ${this.heard.slice(-8).map((o) => JSON.stringify(o)).join('\n')}`);
	}

	event(name, from) {
		return this.hear((o) => o.type === 'system' && o.event === name, from);
	}

	// What it has heard of messages, in order.
	get messages() {
		return this.heard.filter((o) => o.type === 'user' || o.type === 'remote');
	}

	get ids() {
		return this.messages.map((o) => o.id);
	}

	send(object) {
		this.socket.send(typeof object === 'string' ? object : JSON.stringify(object));
	}

	// Sends a message or an operation, and gives what answers its cid.
	ask(object) {
		const cid = crypto.randomUUID(), from = this.heard.length;
		this.send({ ...object, cid });
		return this.hear((o) => o.cid === cid, from);
	}

	// A text message; its own copy when it is stored.
	async say(content, more = {}) {
		const copy = await this.ask({ text: true, content, ...more });
		assert.equal(copy.type, 'user', JSON.stringify(copy));
		return copy;
	}

	async refusal(object) {
		const answer = await this.ask(object);
		assert.equal(answer.event, 'refused', JSON.stringify(answer));
		return answer.reason;
	}

	close(code = 1000) {
		this.socket.close(code);
		return this.closed;
	}

	// The network is gone without a word.
	drop() {
		this.socket.terminate();
		return this.closed;
	}
}

export class Chat {
	constructor(sys) {
		this.sys = sys;
		this.sessions = new Map();
		this.clients = [];
	}

	get url() {
		return `ws://127.0.0.1:${this.sys.pushPort}/ws`;
	}

	// The user's session; the same one each time.
	session(user) {
		if (!this.sessions.has(user)) {	// one login after the other: the server refuses too many at once
			this.logins = (this.logins ?? Promise.resolve()).then(() => this.sys.login(user));
			this.sessions.set(user, this.logins);
		}
		return this.sessions.get(user);
	}

	// A connection, whatever becomes of it.
	client(query = {}, headers = {}, url = this.url) {
		const client = new Client(`${url}?${new URLSearchParams(query)}`, { headers });
		this.clients.push(client);
		return client;
	}

	// The user enters the room and has heard its welcome.
	async join(user, room, query = {}) {
		const session = typeof user === 'string' ? await this.session(user) : user;
		const client = this.client({ ...(room !== undefined && { room }), ...query }, session.headers);
		client.session = session;
		client.uid = session.uid;
		client.welcome = await client.event('welcome');
		client.num = client.welcome.num;
		return client;
	}

	// kill -9 and a new start.
	async crash() {
		await this.sys.pushProgram.kill('SIGKILL');
		await this.sys.startPush();
	}

	async stop() {
		for (const client of this.clients)
			client.socket.terminate();
		await this.sys.stop();
	}
}

export async function startChat({ push, history, session, start = startSystem, ...options } = {}) {
	const sys = await start({ push: true, ...options, config: { ...options.config,
		push: { rate: 0, leave_grace_s: 0, drain_s: 0, ...push }, history: { ...history }, session: { ...session } } });
	return new Chat(sys);
}

let rooms = 0;

// A room of the test's own.
export function newRoom(name = 'room') {
	return `${name}-${++rooms}`;
}
