// Eight people talk while the server is killed again and again.  Whatever was acknowledged to one is shown to all, once,
// in one order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { startChat } from './lib/chat.mjs';

// Each talker pauses between messages, and waits for the slowest: 500 that were missed are replayed, no more.
const FOR_MS = Number(process.env.WXCHAT_KILL_MS ?? 15000), EVERY_MS = 700, PAUSE_MS = 10, AT_ONCE = 2, BEHIND = 400,
	ENOUGH = 100, MOST_KILLS = 200, PATIENCE_MS = 60000;

// A client as a careful app writes it: it keeps what is not acknowledged, reconnects at once, asks for what it missed
// by since, and sends again under the same cid.
class Talker {
	constructor(all, chat, name, session, over) {
		Object.assign(this, { all, chat, name, session, over, shown: [], last: 0, epoch: '', waiting: new Map(),
			acknowledged: new Map(), sent: 0, connects: 0, talking: true, onTaken: () => {} });
		this.connect();
	}

	connect() {
		if (this.over.signal.aborted)
			return;
		const query = { room: 'r', since: this.last, ...(this.epoch && { epoch: this.epoch }) };
		this.client = this.chat.client(query, this.session.headers);
		this.connects++;
		this.client.onHeard = (object) => {
			try {
				this.take(object);
				this.onTaken();
			} catch (error) {
				this.over.abort(error);	// thrown here, it would only end in the socket's reader
			}
		};
		this.client.closed.then(() => {
			this.isWelcome = false;
			setImmediate(() => this.connect());
		});
	}

	take(object) {
		if (object.event === 'welcome') {
			assert.equal(object.recovered, true, `${this.name}: ${JSON.stringify(object)}`);
			assert.ok(!this.epoch || this.epoch === object.epoch);
			this.epoch = object.epoch;
			this.isWelcome = true;
			for (const message of this.waiting.values())
				this.client.send(message);
			for (let i = this.waiting.size; i < AT_ONCE; i++)
				this.say();
		} else if (object.type === 'user' || object.type === 'remote') {
			assert.equal(object.type === 'user', object.uid === this.session.uid);
			if (object.type === 'user') {
				const known = this.acknowledged.get(object.cid);
				assert.ok(known === undefined || known === object.id, `${object.cid} is ${known} and ${object.id}`);
				this.acknowledged.set(object.cid, object.id);
				if (this.waiting.delete(object.cid))
					setTimeout(() => this.say(), PAUSE_MS);
			}
			if (object.id > this.last) {
				assert.equal(object.id, this.last + 1, `${this.name} missed something before ${JSON.stringify(object)}`);
				this.last = object.id;
				this.shown.push(`${object.uid} ${object.cid} ${object.content}`);
			} else {
				// only the answer to a resend may come behind its turn
				assert.equal(object.type, 'user', `${this.name} heard ${object.id} after ${this.last}`);
				assert.equal(this.shown[object.id - 1], `${object.uid} ${object.cid} ${object.content}`);
			}
		} else {
			assert.ok(['join', 'leave'].includes(object.event), JSON.stringify(object));
		}
	}

	// Until what it has heard makes this true.
	when(holds) {
		return new Promise((resolve, reject) => {
			const late = setTimeout(() => reject(new Error(`${this.name} is at ${this.last} and waits for ${[...this.waiting.keys()]}`)), PATIENCE_MS);
			late.unref();
			this.onTaken = () => {
				if (!holds())
					return;
				clearTimeout(late);
				resolve();
			};
			this.onTaken();
		});
	}

	say() {
		if (!this.talking || this.waiting.size >= AT_ONCE)
			return;
		if (this.all.some((other) => other.last < this.last - BEHIND)) {
			setTimeout(() => this.say(), PAUSE_MS);
			return;
		}
		const cid = `${this.name}${++this.sent}`, message = { text: true, content: `${this.name}说${this.sent}`, cid };
		this.waiting.set(cid, message);
		if (this.isWelcome)	// else with the next welcome
			this.client.send(message);
	}
}

test('what is acknowledged is shown to everyone, once, in one order, however often the server is killed', async () => {
	const chat = await startChat({ push: { workers: 2 } });
	const over = new AbortController();
	const failed = new Promise((resolve, reject) => {
		over.signal.addEventListener('abort', () => reject(over.signal.reason));
	});
	failed.catch(() => {});	// raced below
	let killer;
	try {
		const sessions = await Promise.all(Array.from({ length: 8 }, (_, i) => chat.session(`人${i}`)));
		const talkers = [];
		sessions.forEach((session, i) => talkers.push(new Talker(talkers, chat, `人${i}`, session, over)));
		killer = killAgainAndAgain(chat, talkers, over.signal);
		const kills = await Promise.race([failed, killer]);
		await Promise.race([failed, compare(chat, talkers)]);
		console.log(`${talkers[0].last} messages over ${kills} kills, ${talkers.reduce((sum, t) => sum + t.connects, 0)} connections`);
	} finally {
		over.abort();
		await killer?.catch(() => {});	// it may be in the middle of a new start
		await chat.stop();
	}
});

async function killAgainAndAgain(chat, talkers, signal) {
	const until = Date.now() + FOR_MS;
	let kills = 0;
	while (Date.now() < until || (talkers[0].last <= ENOUGH && kills < MOST_KILLS)) {
		signal.throwIfAborted();
		await wait(EVERY_MS);
		await chat.crash();
		kills++;
	}
	return kills;
}

async function compare(chat, talkers) {
	for (const talker of talkers)
		talker.talking = false;
	await Promise.all(talkers.map((talker) => talker.when(() => talker.waiting.size === 0)));

	// all stand at the same message in the end
	const reader = await chat.join(talkers[0].session, 'r');
	const end = reader.welcome.id;
	await Promise.all(talkers.map((talker) => talker.when(() => talker.last >= end)));
	const [first, ...others] = talkers;
	for (const other of others)
		assert.deepEqual(other.shown, first.shown);
	assert.equal(first.shown.length, end);
	assert.ok(end > ENOUGH, `${end} messages`);
	assert.equal(new Set(first.shown).size, end, 'a message was shown twice');
	let acknowledged = 0;
	for (const talker of talkers) {
		for (const [cid, id] of talker.acknowledged)
			assert.ok(first.shown[id - 1].startsWith(`${talker.session.uid} ${cid} `), `${cid} is not message ${id}`);
		acknowledged += talker.acknowledged.size;
		assert.equal(talker.acknowledged.size, talker.sent);
	}
	assert.equal(acknowledged, end);
}
