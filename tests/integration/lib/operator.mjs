// What the tests of the operator's side share: a system with an admin listener, a person with an open socket, and a
// strict reader of Prometheus text.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import WebSocket from 'ws';
import { startSystem } from './system.mjs';

export const token = crypto.randomBytes(24).toString('hex');

// A system whose admin listens on a port of its own: sys.admin is its URL, sys.api(path, body) asks it.
export async function startOperated(options = {}) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-token-'));
	const file = path.join(dir, 'token');
	fs.writeFileSync(file, `${token}\n`, { mode: 0o600 });
	const config = { ...options.config, push: { leave_grace_s: 0, drain_s: 0, ...options.config?.push },
		admin: { listen: '127.0.0.1:0', token_file: file } };
	const forget = () => fs.rmSync(dir, { recursive: true, force: true });
	const sys = await startSystem({ push: true, ...options, config }).catch((error) => {
		forget();
		throw error;
	});
	const stop = sys.stop.bind(sys);
	sys.tokenFile = file;
	sys.stop = async () => {
		await stop();
		forget();
	};
	sys.findAdmin = async () => {
		sys.admin = `http://${(await sys.pushProgram.line(/listening admin=(\S+)/))[1]}`;
	};
	sys.api = async (where, body, { status = 200, bearer = token } = {}) => {
		const answer = await fetch(`${sys.admin}/api/${where}`, {
			method: body === undefined ? 'GET' : 'POST',
			headers: bearer ? { authorization: `Bearer ${bearer}` } : {},
			body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
		});
		const text = await answer.text();
		assert.equal(answer.status, status, `${where}: ${text}`);
		const json = JSON.parse(text);
		assert.equal(json.ok, status === 200, text);
		if (!json.ok) {
			assert.match(json.error, /^ERR_/);
			assert.ok(json.message);
		}
		return json;
	};
	try {
		await sys.findAdmin();	/* it may have ended after it began to listen */
	} catch (error) {
		await sys.stop();
		throw error;
	}
	return sys;
}

// A user's socket: what it hears is kept, and can be waited for.
export class Person {
	static async join(sys, user, room, { session, query = {} } = {}) {
		const person = new Person();
		person.session = session ?? await sys.login(user);
		person.uid = person.session.uid;
		person.heard = [];
		person.waiting = new Set();
		const url = `ws://127.0.0.1:${sys.pushPort}/ws?${new URLSearchParams({ events: 'all', ...(room && { room }), ...query })}`;
		person.socket = new WebSocket(url, { headers: person.session.headers });
		person.closed = new Promise((resolve) => person.socket.on('close', (code) => {
			person.closeCode = code;
			for (const waiter of person.waiting)
				waiter.reject(new Error(`closed with ${code} after ${JSON.stringify(person.heard)}`));
			person.waiting.clear();
			resolve(code);
		}));
		person.socket.on('error', () => {});
		person.socket.on('message', (data, isBinary) => {
			if (isBinary)
				return;
			const object = JSON.parse(data);
			person.heard.push(object);
			for (const waiter of person.waiting)
				if (waiter.wanted(object)) {
					person.waiting.delete(waiter);
					waiter.resolve(object);
				}
		});
		if (room)
			person.welcome = await person.hear((m) => m.event === 'welcome');
		return person;
	}

	// The first object, past or future, for which wanted() holds.
	hear(wanted) {
		const found = this.heard.find(wanted);
		if (found)
			return Promise.resolve(found);
		if (this.closeCode)
			return Promise.reject(new Error(`closed with ${this.closeCode}`));
		return new Promise((resolve, reject) => this.waiting.add({ wanted, resolve, reject }));
	}

	say(content, more = {}) {
		this.send({ text: true, content, ...more });
		return this.hear((m) => m.type === 'user' && m.content === content);
	}

	send(object) {
		this.socket.send(JSON.stringify(object));
	}

	// Sends an operation (or a message) and gives what answers its cid.
	ask(object) {
		const cid = crypto.randomUUID();
		this.send({ ...object, cid });
		return this.hear((m) => m.cid === cid);
	}

	leave() {
		this.socket.close();
		return this.closed;
	}
}

// Reads the text format of Prometheus as its document says, and complains about all that it does not allow.
// { name: { type, help, samples: [{ name, labels, value }] } }
export function readMetrics(text) {
	const families = {}, seen = new Set();
	let current = null;

	assert.ok(text.endsWith('\n'), 'the last line must end');
	const lines = text.split('\n').slice(0, -1);
	for (const line of lines) {
		const comment = line.match(/^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/);
		if (comment) {
			const [, kind, name, rest] = comment;
			if (kind === 'HELP') {
				assert.ok(!families[name], `${name}: two families of one name`);
				assert.ok(!/\\(?![\\n])/.test(rest), `${name}: a bad escape in HELP`);
				current = families[name] = { help: rest, samples: [] };
			} else {
				assert.equal(families[name], current, `${name}: TYPE is not behind its HELP`);
				assert.ok(!current.type && current.samples.length === 0, `${name}: TYPE comes late`);
				assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
				current.type = rest;
				current.name = name;
			}
			continue;
		}
		const sample = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*)\})? (\S+)$/);
		assert.ok(sample, `not a sample: ${line}`);
		const [, name, inside, number] = sample;
		const labels = {};
		for (const pair of inside === undefined || inside === '' ? [] : inside.split(',')) {
			const label = pair.match(/^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"$/);
			assert.ok(label, `not a label: ${pair}`);
			assert.ok(!(label[1] in labels), `a label twice: ${line}`);
			labels[label[1]] = label[2];
		}
		assert.match(number, /^([+-]?Inf|NaN|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)$/i, line);
		const base = current?.type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
		assert.equal(base, current?.name, `${name} stands in another family`);
		const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
		assert.ok(!seen.has(key), `twice: ${line}`);
		seen.add(key);
		if (current.type === 'counter') {
			assert.match(name, /_total$/, `${name}: counters end in _total`);
			assert.ok(Number(number) >= 0, line);
		}
		current.samples.push({ name, labels, value: Number(number) });
	}
	for (const family of Object.values(families)) {
		assert.ok(family.type, `${family.help}: no TYPE`);
		assert.ok(family.samples.length > 0, `${family.name}: no samples`);
		if (family.type === 'histogram')
			checkHistogram(family);
	}
	return families;
}

function checkHistogram(family) {
	const buckets = family.samples.filter((s) => s.name === `${family.name}_bucket`);
	const bounds = buckets.map((s) => (s.labels.le === '+Inf' ? Infinity : Number(s.labels.le)));
	const count = family.samples.find((s) => s.name === `${family.name}_count`);

	assert.ok(family.samples.some((s) => s.name === `${family.name}_sum`), 'a histogram has a sum');
	assert.equal(bounds.at(-1), Infinity, 'the last bucket is +Inf');
	assert.equal(buckets.at(-1).value, count.value, 'the +Inf bucket is the count');
	for (let i = 1; i < buckets.length; i++) {
		assert.ok(bounds[i] > bounds[i - 1], 'bounds go up');
		assert.ok(buckets[i].value >= buckets[i - 1].value, 'buckets are cumulative');
	}
}

export function metricSum(families, name) {
	assert.ok(families[name], `no ${name}`);
	return families[name].samples.reduce((sum, s) => sum + s.value, 0);
}
