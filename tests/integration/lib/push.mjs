// A push-server alone on loopback, and a client that speaks bytes: for tests of the protocol, its limits and its faults.
//
//   const server = await startPushServer({ push: { echo_path: '/echo' } });
//   const wire = await server.open('/echo');      // a WebSocket without a library
//   wire.send(frame(TEXT, 'hello'));
//   await wire.frame();                           // { fin, rsv, opcode, payload }
//   const phone = await server.login('小明');      // { id, skey, both, uid, query }, by fcgi-login as a plain CGI program
//   await server.stop();
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Program, appId, appSecret, bin } from './system.mjs';

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

// --- bytes ---

export function bytes(...parts) {
	return Buffer.concat(parts.map((part) => typeof part === 'string' ? Buffer.from(part)
		: typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)));
}

// A client's frame.  mask null: none.  form 16 or 64: the length written in so many bits, whatever it is.
// declared: a length other than the payload's.
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = [0x37, 0xfa, 0x21, 0x3d], form, declared } = {}) {
	const data = Buffer.from(payload);
	const length = BigInt(declared ?? data.length);
	const bits = form ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
	const head = Buffer.alloc(2 + (bits === 7 ? 0 : bits / 8));
	head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
	head[1] = (mask ? 0x80 : 0) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127);
	if (bits === 16)
		head.writeUInt16BE(Number(length), 2);
	if (bits === 64)
		head.writeBigUInt64BE(length, 2);
	return bytes(head, mask ?? [], mask ? data.map((byte, i) => byte ^ mask[i & 3]) : data);
}

export function closeFrame(code, reason = '', options) {
	return frame(CLOSE, code === undefined ? '' : bytes(code >> 8, code & 0xff, reason), options);
}

// --- the handshake ---

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

// The text of a request; headers replace the usual ones of that name, null leaves one out, an array repeats it.
export function request(target, headers = {}, line = `GET ${target} HTTP/1.1`) {
	const all = { Host: '127.0.0.1', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
		'Sec-WebSocket-Key': KEY, ...headers };
	const lines = Object.entries(all).flatMap(([name, value]) =>
		value === null ? [] : [value].flat().map((one) => `${name}: ${one}`));
	return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

export function acceptOf(key) {
	return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

// --- a connection ---

export class Wire {
	constructor(socket) {
		this.socket = socket;
		this.taken = [];
		this.length = 0;
		this.ended = null;		// 'fin' or the error's code
		this.waiting = null;
		this.patience_ms = 20000;	// a hung server is to fail the test, not to hang it
		socket.on('data', (data) => {
			this.taken.push(data);
			this.length += data.length;
			this.waiting?.();
		});
		socket.on('end', () => this.finish('fin'));
		socket.on('error', (error) => this.finish(error.code));
		socket.on('close', () => this.finish('closed'));
	}

	finish(how) {
		this.ended ??= how;
		this.waiting?.();
	}

	static async connect(where, { connect = net.connect, ...options } = {}) {
		const socket = connect({ allowHalfOpen: true, ...(typeof where === 'string' ? { path: where }
			: { port: where, host: '127.0.0.1' }), ...options });
		const wire = new Wire(socket);
		await once(socket, connect === net.connect ? 'connect' : 'secureConnect');
		socket.setNoDelay?.(true);
		return wire;
	}

	send(...parts) {
		this.socket.write(bytes(...parts));
	}

	// So that each part arrives alone, as far as that can be had.
	async sendChopped(data, size = 1) {
		for (let at = 0; at < data.length; at += size) {
			await new Promise((sent) => this.socket.write(data.subarray(at, at + size), sent));
			await new Promise((turn) => setImmediate(turn));
		}
	}

	async until(condition, what) {
		while (!condition()) {
			if (this.ended)
				throw new Error(`${what}: the connection ended (${this.ended}), ${this.length} bytes left over: ${
					Buffer.concat(this.taken).subarray(0, 200).toString('latin1')}`);
			await new Promise((resolve, reject) => {
				const late = setTimeout(() => reject(new Error(`${what}: nothing came`)), this.patience_ms);
				this.waiting = () => {
					clearTimeout(late);
					this.waiting = null;
					resolve();
				};
			});
		}
	}

	async bytes(count) {
		await this.until(() => this.length >= count, `${count} bytes`);
		const all = Buffer.concat(this.taken);
		this.taken = [all.subarray(count)];
		this.length -= count;
		return all.subarray(0, count);
	}

	// An HTTP answer's head: { status, headers (lower-case names), text }.
	async answer() {
		let end;
		await this.until(() => {
			if (this.taken.length > 1)
				this.taken = [Buffer.concat(this.taken)];
			end = this.taken.length ? this.taken[0].indexOf('\r\n\r\n') : -1;
			return end >= 0;
		}, 'an HTTP answer');
		const text = (await this.bytes(end + 4)).toString('latin1');
		const [line, ...lines] = text.trimEnd().split('\r\n');
		return { status: Number(line.split(' ')[1]), text,
			headers: Object.fromEntries(lines.map((one) => [one.split(':')[0].toLowerCase(), one.replace(/^[^:]*: */, '')])) };
	}

	// A server's frame, which must be unmasked and its length written as short as can be (RFC 6455 5.1, 5.2).
	async frame() {
		const head = await this.bytes(2);
		assert.equal(head[1] & 0x80, 0, 'a server masks nothing');
		let length = head[1];
		if (length === 126) {
			length = (await this.bytes(2)).readUInt16BE();
			assert.ok(length >= 126, 'the shortest form');
		} else if (length === 127) {
			length = Number((await this.bytes(8)).readBigUInt64BE());
			assert.ok(length >= 65536, 'the shortest form');
		}
		return { fin: Boolean(head[0] & 0x80), rsv: head[0] >> 4 & 7, opcode: head[0] & 15, payload: await this.bytes(length) };
	}

	// The next message of a text or binary frame, pings passed over.
	async message() {
		for (;;) {
			const got = await this.frame();
			if (got.opcode === CLOSE)
				throw new Error(`closed: ${got.payload.length > 1 ? got.payload.readUInt16BE() : 'no code'}`);
			if (got.opcode < CLOSE)
				return got.payload.toString();
		}
	}

	async json() {
		return JSON.parse(await this.message());
	}

	// The next object of that event or with that member.
	async event(name) {
		for (;;) {
			const object = await this.json();
			if (object.event === name || (name === 'message' && (object.type === 'user' || object.type === 'remote')))
				return object;
		}
	}

	// Everything up to the close frame is passed over; its code, undefined when it has none.
	async closeCode() {
		for (;;) {
			const got = await this.frame();
			if (got.opcode === CLOSE)
				return got.payload.length ? got.payload.readUInt16BE() : undefined;
		}
	}

	// The peer's end: 'fin', or the error.  What still comes is dropped.
	async end() {
		while (!this.ended) {
			await this.until(() => this.ended || this.length > 0, 'the end').catch((error) => {
				if (!this.ended)
					throw error;
			});
			this.taken = [];
			this.length = 0;
		}
		return this.ended;
	}

	destroy() {
		this.socket.destroy();
	}

	reset() {
		this.socket.resetAndDestroy();
	}
}

// --- the server ---

const dirs = new Set();
process.on('exit', () => {
	for (const dir of dirs)
		fs.rmSync(dir, { recursive: true, force: true });
});

function iniText(sections) {
	return Object.entries(sections).map(([section, keys]) =>
		`[${section}]\n` + Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')).join('\n');
}

const running = new Set();

// For whoever is not sure to have come to the end of a test.
export async function stopAll() {
	for (const server of [...running])
		await server.stop();
}

export class PushServer {
	constructor(config, { env = {}, wrap } = {}) {
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-push-'));
		dirs.add(this.dir);
		this.env = { ...process.env, ...env };
		this.wrap = wrap;		// [command, ...arguments] before the program's own
		this.wires = new Set();
		this.sections = {
			wechat: { app_id: appId, app_secret: appSecret },
			session: { store: `lmdb:${this.file('sessions')}`, map_size_mb: 16 },
			login: { base_url: 'http://127.0.0.1' },
			...config,
			push: { listen: '127.0.0.1:0', workers: 2, drain_s: 0, ...config.push },
			history: { dir: this.file('history'), map_size_mb: 16, ...config.history },
			admin: { listen: '', ...config.admin },
		};
		for (const name of ['sessions', 'history'])
			fs.mkdirSync(this.file(name));
		this.configFile = this.file('wxchat.conf');
		this.writeConfig();
	}

	// After a change of this.sections.
	writeConfig() {
		fs.writeFileSync(this.configFile, iniText(this.sections));
	}

	file(...names) {
		return path.join(this.dir, ...names);
	}

	get command() {
		return [...(this.wrap ?? []), path.join(bin, 'push-server'), '-c', this.configFile];
	}

	async start(options = {}) {
		running.add(this);
		const [command, ...args] = this.command;
		this.program = new Program(command, args, { env: this.env, ...options });
		await this.program.line(/ ready .*workers=/);
		const listening = this.program.lines.map((line) => line.match(/listening .*address=(?:[\d.]+|\[.*\]):(\d+)/)).find(Boolean);
		if (listening)
			this.port = Number(listening[1]);
		return this;
	}

	// A connection as the server sees it first; with TLS and all.
	async connect(options) {
		const wire = await Wire.connect(this.where ?? this.port, options);
		this.wires.add(wire);
		return wire;
	}

	// An open WebSocket at that target.
	async open(target, headers, options) {
		const wire = await this.connect(options);
		wire.send(request(target, headers));
		const answer = await wire.answer();
		assert.equal(answer.status, 101, answer.text);
		assert.equal(answer.headers['sec-websocket-accept'], acceptOf(KEY));
		wire.handshake = answer;
		return wire;
	}

	// In a room, the welcome read.
	async join(session, room = 'lobby', more = '', headers, options) {
		const wire = await this.open(`/ws?room=${encodeURIComponent(room)}&${session.query}${more}`, headers, options);
		wire.welcome = await wire.event('welcome');
		return wire;
	}

	// The answer to a request that is no upgrade, with the end behind it.
	async ask(text, options) {
		const wire = await this.connect(options);
		wire.send(text);
		const answer = await wire.answer();
		answer.wire = wire;
		return answer;
	}

	sandbox() {
		this.box ??= new Program(path.join(bin, 'wechat-sandbox'), []);
		this.boxUrl ??= this.box.line(/^listening on (http:\/\/127\.0\.0\.1:\d+)$/).then((match) => match[1]);
		return this.boxUrl;
	}

	// One request to fcgi-login, started for it as a web server starts CGI programs.  The parsed body.
	async cgi(method, route, body = '', env = {}) {
		const child = spawn(path.join(bin, 'fcgi-login'), ['-c', this.configFile], { stdio: ['pipe', 'pipe', 'pipe'],
			env: { ...process.env, WXCHAT_WECHAT_API_BASE: await this.sandbox(), GATEWAY_INTERFACE: 'CGI/1.1',
				SERVER_PROTOCOL: 'HTTP/1.1', REQUEST_METHOD: method, SCRIPT_NAME: '/cgi-bin/wxchat.cgi', PATH_INFO: `/${route}`,
				REQUEST_URI: `/cgi-bin/wxchat.cgi/${route}`, CONTENT_TYPE: 'application/json',
				CONTENT_LENGTH: String(Buffer.byteLength(body)), REMOTE_ADDR: '127.0.0.1', ...env } });
		let out = '', errors = '';
		child.stdout.on('data', (data) => { out += data; });
		child.stderr.on('data', (data) => { errors += data; });
		child.stdin.end(body);
		await once(child, 'close');
		const at = out.indexOf('\r\n\r\n');
		assert.ok(at >= 0, `no CGI answer: ${out}${errors}`);
		return JSON.parse(out.slice(at + 4));
	}

	async login(user) {
		const answer = await fetch(`${await this.sandbox()}/sandbox/login`, { method: 'POST',
			headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user }) });
		const { code } = await answer.json();
		const body = await this.cgi('POST', 'login', JSON.stringify({ code }));
		assert.equal(body.code, 0, JSON.stringify(body));
		const { id, skey } = body.session;
		return { id, skey, both: `${id}.${skey}`, uid: body.data.userinfo.uid, query: `X-WX-Id=${id}&X-WX-Skey=${skey}`,
			headers: { 'X-WX-Id': id, 'X-WX-Skey': skey } };
	}

	logout(session) {
		return this.cgi('POST', 'logout', '', { HTTP_X_WX_ID: session.id, HTTP_X_WX_SKEY: session.skey });
	}

	// Of the program alone, milliseconds of CPU so far.
	cpu_ms(pid = this.program.child.pid) {
		const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
		return (Number(fields[11]) + Number(fields[12])) * 10;
	}

	// Whether it still does what it is there for.
	async answers(options) {
		const wire = await this.open('/echo', {}, options);
		wire.send(frame(TEXT, 'still there?'));
		assert.equal((await wire.frame()).payload.toString(), 'still there?');
		wire.send(closeFrame(1000));
		assert.equal(await wire.closeCode(), 1000);
		wire.destroy();
	}

	async stop() {
		running.delete(this);
		for (const wire of this.wires)
			wire.destroy();
		const ended = await this.program?.stop();
		await this.box?.stop();
		fs.rmSync(this.dir, { recursive: true, force: true });
		dirs.delete(this.dir);
		return ended;
	}
}

export function startPushServer(config = {}, options) {
	return new PushServer({ ...config, push: { echo_path: '/echo', ...config.push } }, options).start();
}

// Ends the server, which must do so as an operator wants it: status 0, and nothing that a sanitizer has to say.
export async function stopCleanly(server) {
	const ended = await server.stop();
	assert.deepEqual(ended, { code: 0, signal: null }, server.program.text());
	assert.doesNotMatch(server.program.text(), /Sanitizer|runtime error/);
}
