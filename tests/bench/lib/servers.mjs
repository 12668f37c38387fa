// The servers that are measured, each as { name, port, pids, path, welcomed, shows, stop() }, and the programs that measure them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Program, bin, freePort, root, startSystem } from '../../integration/lib/system.mjs';

const tools = path.resolve(bin, '..', 'bench');
export const peers = path.join(root, 'tests', 'bench', 'peers');

export class Bench {
	constructor() {
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-bench-'));
		fs.chmodSync(this.dir, 0o755);
		this.running = new Set();
	}

	file(name) {
		return path.join(this.dir, name);
	}

	// Users with sessions, for as many phones; made once.
	get sessions() {
		if (!fs.existsSync(this.file('sessions.txt'))) {
			fs.mkdirSync(this.file('sessions'));
			fs.writeFileSync(this.file('sessions.txt'),
				execFileSync(path.join(tools, 'make_sessions'), [this.file('sessions'), '17000'], { maxBuffer: 1 << 26 }));
		}
		return this.file('sessions.txt');
	}

	keep(server) {
		const stop = server.stop;
		this.running.add(server);
		server.stop = async () => {
			this.running.delete(server);
			await stop();
		};
		return server;
	}

	async stop() {
		for (const server of [...this.running])
			await server.stop();
		fs.rmSync(this.dir, { recursive: true, force: true });
	}

	async #announced(name, command, args, more) {
		const program = new Program(command, args);
		const port = Number((await program.line(/^listening (\d+)$/))[1]);
		return this.keep({ name, port, pids: [program.child.pid], stop: () => program.stop(), ...more });
	}

	floor(bytes) {
		return this.#announced('floor', path.join(tools, 'floor'), ['-b', String(bytes)], { path: '/' });
	}

	ws() {
		return this.#announced('npm ws', process.execPath, [path.join(peers, 'ws.mjs'), this.sessions],
			{ path: '/ws?room=%u', shows: true, welcomed: true });
	}

	// Nothing when the library was not there to build it with.
	lws() {
		const program = path.join(tools, 'lws');
		return fs.existsSync(program) ? this.#announced('libwebsockets', program, [], { path: '/ws?room=%u' }) : undefined;
	}

	// As it comes, but for what is named here.
	async push({ workers = 1, config = {} } = {}) {
		this.sessions;
		const sys = await startSystem({ web: null, login: null, push: true, config: {
			session: { store: `lmdb:${this.file('sessions')}`, map_size_mb: 256 },
			history: { map_size_mb: 1024 }, ...config, push: { workers, rate: 0, ...config.push } } });
		return this.keep({ name: 'push-server', port: sys.pushPort, pids: [sys.pushProgram.child.pid],
			path: '/ws?room=bench%u', shows: true, welcomed: true, stop: () => sys.stop() });
	}

	async nchan() {
		const port = await freePort(), dir = fs.mkdtempSync(path.join(this.dir, 'nchan-'));
		const module = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules']
			.map((place) => path.join(place, 'ngx_nchan_module.so')).find((file) => fs.existsSync(file));
		if (!module)
			return undefined;
		fs.writeFileSync(path.join(dir, 'nginx.conf'), `
load_module ${module};
daemon off; worker_processes 1; error_log ${dir}/error.log; pid ${dir}/pid;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 20000; }
worker_rlimit_nofile 20000;
http {
	access_log off;
	client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
	nchan_shared_memory_size 256M;
	server { listen 127.0.0.1:${port};
		location /ws { nchan_pubsub websocket; nchan_channel_id $arg_room; nchan_subscriber_first_message newest; nchan_message_buffer_length 64; } }
}
`);
		const program = new Program('/usr/sbin/nginx', ['-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')]);
		const children = `/proc/${program.child.pid}/task/${program.child.pid}/children`;
		let pids = [];
		while (pids.length === 0 && !program.ended) {
			await new Promise((resolve) => setTimeout(resolve, 20));
			pids = program.ended ? [] : fs.readFileSync(children, 'utf8').trim().split(' ').filter(Boolean).map(Number);
		}
		if (program.ended)
			throw new Error(`nginx with nchan has ended:\n${program.text()}`);
		return this.keep({ name: 'nchan', port, pids, path: '/ws?room=r%u', stop: () => program.stop() });
	}

	// --- what measures ---

	#aim(server) {
		return ['-p', String(server.port), '-P', server.pids.join(','), '-u', server.path,
			...(server.shows ? ['-s', this.sessions] : []), ...(server.welcomed ? ['-w'] : [])];
	}

	// Phones in rooms, connected: run(messages) gives one run's figures for each delivery, in microseconds.
	async fan(server, options) {
		const args = Object.entries(options).flatMap(([name, value]) => value === true ? [`-${name}`] : [`-${name}`, String(value)]);
		const program = new Program(path.join(tools, 'fan'), [...this.#aim(server), ...args],
			{ stdio: ['pipe', 'pipe', 'pipe'] });
		const { bytes } = JSON.parse((await program.line(/^\{"bytes".*/))[0]);
		return {
			bytes,
			run: async (messages) => {
				const before = program.lines.length;
				program.child.stdin.write(`${messages}\n`);
				while (program.lines.length === before) {
					if (program.ended)
						throw new Error(`fan ended:\n${program.text()}`);
					await new Promise((resolve) => setTimeout(resolve, 20));
				}
				const r = JSON.parse(program.lines[before]);
				return { cpu: r.cpuNs / r.deliveries / 1e3, user: r.userUs / r.deliveries, wall: r.wallNs / r.deliveries / 1e3,
					own: r.ownNs / r.deliveries / 1e3, p50: r.p50Ms, p99: r.p99Ms };
			},
			signal: (name) => program.child.kill(name),
			stop: () => {
				program.child.stdin.end();
				return program.exited;
			},
		};
	}

	async crowd(server, options) {
		const args = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
		const program = new Program(path.join(tools, 'crowd'), [...this.#aim(server), ...args]);
		return JSON.parse((await program.line(/^\{.*\}$/))[0]);
	}

	// requests: buffers; address: { port } or { socket }.
	async requests(requests, address, pids, expected, atOnce) {
		const file = this.file('requests');
		const head = (length) => { const b = Buffer.alloc(4); b.writeUInt32LE(length); return b; };
		fs.writeFileSync(file, Buffer.concat(requests.flatMap((bytes) => [head(bytes.length), bytes])));
		const program = new Program(path.join(tools, 'requests'), ['-f', file, '-P', pids.join(','), '-e', expected,
			'-c', String(atOnce), ...(address.socket ? ['-S', address.socket] : ['-p', String(address.port)])]);
		const result = JSON.parse((await program.line(/^\{.*\}$/))[0]);
		if (result.bad)
			throw new Error(`${result.bad} bad answers:\n${program.text()}`);
		return { each: result.cpuNs / result.good / 1e3, user: result.userUs / result.good, perCpu: result.good / (result.cpuNs / 1e9),
			perSecond: result.good / (result.wallNs / 1e9), anonymous: result.anonymous, withFiles: result.withFiles };
	}

	async cgi(runs, env, expected, command, input = '/dev/null') {
		const program = new Program(path.join(tools, 'cgi'), ['-n', String(runs), '-e', expected, '-i', input, ...command],
			{ env: { PATH: process.env.PATH, ...env } });
		const result = JSON.parse((await program.line(/^\{.*\}$/))[0]);
		return result.cpuUs / result.runs / 1e3;
	}

	memory(pid) {
		const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
		const kb = (name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]);
		return { anonymous: kb('Anonymous') / 1024, withFiles: (kb('Private_Clean') + kb('Private_Dirty')) / 1024 };
	}
}
