// The login program's parts of the bench.
import net from 'node:net';
import path from 'node:path';
import { Program, appId, appSecret, bin, startSystem } from '../integration/lib/system.mjs';
import { peers } from './lib/servers.mjs';

const USERS = 200;

// --- the two protocols; each request on a connection of its own ---

function fcgiRecord(type, content) {
	const pad = -content.length & 7, head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, pad, 0]);
	return Buffer.concat([head, content, Buffer.alloc(pad)]);
}

function fcgiParams(params) {
	const length = (n) => n < 128 ? Buffer.from([n]) : Buffer.from([n >> 24 | 128, n >> 16 & 255, n >> 8 & 255, n & 255]);
	return Buffer.concat(Object.entries(params).flatMap(([name, value]) => {
		const [n, v] = [Buffer.from(name), Buffer.from(String(value))];
		return [length(n.length), length(v.length), n, v];
	}));
}

// role 1 answers, role 2 authorises.
function fcgi(role, params) {
	return Buffer.concat([fcgiRecord(1, Buffer.from([0, role, 0, 0, 0, 0, 0, 0])), fcgiRecord(4, fcgiParams(params)),
		fcgiRecord(4, Buffer.alloc(0)), fcgiRecord(5, Buffer.alloc(0))]);
}

function cgiEnv(route, headers) {
	const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', REQUEST_URI: `/weapp/${route}`, SERVER_PROTOCOL: 'HTTP/1.1',
		SCRIPT_NAME: '/weapp', QUERY_STRING: '', REMOTE_ADDR: '127.0.0.1', SERVER_NAME: 'localhost', HTTP_HOST: 'localhost' };
	for (const [name, value] of Object.entries(headers))
		env[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
	return env;
}

function http(route, headers) {
	return Buffer.from([`GET /${route} HTTP/1.1`, 'Host: localhost', 'Connection: close',
		...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'));
}

// --- what phones send ---

class Phones {
	constructor(sys) {
		this.sys = sys;
		this.infos = new Map();
	}

	async #one(i) {
		const user = `bench${i % USERS}`, code = await this.sys.code(user);
		if (!this.infos.has(user))
			this.infos.set(user, await this.sys.wx('userinfo', user));
		const { encryptedData, iv, signature, rawData } = this.infos.get(user);
		return { 'X-WX-Code': code, 'X-WX-Encrypted-Data': encryptedData, 'X-WX-IV': iv, signature, rawData };
	}

	// The headers of so many logins, by code and encryptedData.
	async logins(count) {
		const all = [];
		for (let i = 0; i < count; i += 50)
			all.push(...await Promise.all(Array.from({ length: Math.min(50, count - i) }, (_, k) => this.#one(i + k))));
		return all.map(({ signature, rawData, ...headers }) => headers);
	}
}

// --- the parts ---

// A session's header, by a login over the socket as the web server would make it.
async function shownSession(sys, phones) {
	const [headers] = await phones.logins(1);
	const answer = await new Promise((resolve, reject) => {
		const chunks = [], socket = net.connect(sys.loginSocket, () => socket.write(fcgi(1, cgiEnv('login', headers))));
		socket.on('data', (chunk) => chunks.push(chunk)).on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
		socket.on('error', reject);
	});
	const [, id, skey] = answer.match(/"id":"([0-9a-f]{64})","skey":"([0-9a-f]{64})"/);
	return { 'X-WX-Id': id, 'X-WX-Skey': skey };
}

export async function login(bench, report) {
	report.part('Login: fcgi-login beside wafer-node-session on Express', 'by code and encryptedData, both without a web server in front');
	const sys = await startSystem({ web: null, login: 'socket', config: { login: { threads: 64 }, session: { map_size_mb: 256 } } });
	const wafer = new Program(process.execPath, ['--no-deprecation', path.join(peers, 'wafer.mjs'), sys.boxUrl, appId, appSecret]);
	try {
		const port = Number((await wafer.line(/^listening (\d+)$/))[1]), phones = new Phones(sys);
		const pids = [[sys.loginProgram.child.pid], [wafer.child.pid]];
		const idle = bench.memory(pids[0][0]);
		report.figure('fcgi-login idle, 64 threads: own memory', idle.anonymous, 'MiB', { most: 4 });
		report.figure('  with pages of files that nobody else maps now', idle.withFiles, 'MiB');
		for (const atOnce of [16, 64]) {	/* a fourth of the default threads, and all of them */
			const runs = [[], []];
			for (let round = 0; round < 6; round++) {
				const ours = (await phones.logins(1000)).map((headers) => fcgi(1, cgiEnv('login', headers)));
				const theirs = (await phones.logins(500)).map((headers) => http('login', headers));
				const both = [await bench.requests(ours, { socket: sys.loginSocket }, pids[0], '"skey"', atOnce),
					await bench.requests(theirs, { port }, pids[1], '"skey"', atOnce)];
				if (round > 0)		/* the first one warms both up */
					both.forEach((run, i) => runs[i].push(run));
			}
			report.figure(`${atOnce} at once, fcgi-login: CPU a login`, runs[0].map((run) => run.each), 'µs');
			report.figure('  of it user time', runs[0].map((run) => run.user), 'µs');
			report.figure(`${atOnce} at once, Node: CPU a login`, runs[1].map((run) => run.each), 'µs');
			report.figure('  logins per CPU second, fcgi-login to Node', runs[0].map((run, i) => run.perCpu / runs[1][i].perCpu), '×',
				{ least: 10 });
		}
		const memory = [bench.memory(pids[0][0]), bench.memory(pids[1][0])];
		report.figure('fcgi-login after logins: own memory', memory[0].anonymous, 'MiB');
		report.figure('Node after logins: own memory', memory[1].anonymous, 'MiB');
		report.figure('fcgi-login\'s memory to Node\'s', memory[0].anonymous / memory[1].anonymous, '×', { most: 0.1 });
		await authorizer(bench, report, sys, phones);
		await cgi(bench, report, sys, phones);
	} finally {
		await wafer.stop();
		await sys.stop();
	}
}

async function authorizer(bench, report, sys, phones) {
	const headers = await shownSession(sys, phones), request = fcgi(2, cgiEnv('anything', headers)), runs = [];
	for (let round = 0; round < 3; round++)
		runs.push(await bench.requests(Array(5000).fill(request), { socket: sys.loginSocket },
			[sys.loginProgram.child.pid], 'Variable-WX_UID', 4));
	report.figure('authorizer: CPU a request', runs.map((run) => run.each), 'µs', { most: 30 });
	report.figure('  of it user time', runs.map((run) => run.user), 'µs');
}

async function cgi(bench, report, sys, phones) {
	const headers = await shownSession(sys, phones), command = [path.join(bin, 'fcgi-login'), '-c', sys.file('wxchat.conf')];
	const runs = [];
	for (let round = 0; round < 3; round++)
		runs.push(await bench.cgi(40, cgiEnv('user', headers), '"code":0', command));
	report.figure('plain CGI, GET user: CPU from start to exit', runs, 'ms', { most: 10 });
	const logins = [];
	for (const headers of await phones.logins(30))
		logins.push(await bench.cgi(1, cgiEnv('login', headers), '"skey"', command));
	report.figure('plain CGI, login: CPU from start to exit', logins, 'ms', { most: 10 });
}

export async function slow(bench, report) {
	report.part('Login while WeChat takes 200 ms', '256 threads, 256 requests at once');
	const sys = await startSystem({ web: null, login: 'socket', config: { login: { threads: 256, queue_max: 256 },
		session: { map_size_mb: 256 }, wechat: { timeout_ms: 5000 } } });
	try {
		const phones = new Phones(sys), pids = [sys.loginProgram.child.pid], runs = [];
		await sys.fault('delay', { ms: 200 });
		for (let round = 0; round < 3; round++) {
			const requests = (await phones.logins(3000)).map((headers) => fcgi(1, cgiEnv('login', headers)));
			runs.push(await bench.requests(requests, { socket: sys.loginSocket }, pids, '"skey"', 256));
		}
		report.figure('logins a second', runs.map((run) => run.perSecond), '', { least: 1000 });
		report.figure('CPU a login', runs.map((run) => run.each), 'µs');
		report.figure('own memory with 256 threads at work', runs.at(-1).anonymous / 1048576, 'MiB');
	} finally {
		await sys.stop();
	}
}
