// The whole system on loopback and free ports, for one test file: the sandbox in WeChat's place, fcgi-login, push-server when
// it is wanted, and a web server in front, configured by the files in etc/ with their paths replaced.
//
//   const sys = await startSystem({ web: 'lighttpd', login: 'spawned', push: true, config: { session: { max_age: 5 } } });
//   await sys.login('小明');                 // as the phone of that user would
//   await sys.stop();
//
// web:    'lighttpd', 'apache', 'nginx'
// login:  'socket' (fcgi-login -s, default), 'spawned' (by the web server), 'cgi', or null (none)
// listen: where fcgi-login -s listens, if not on a unix socket (ADDRESS:PORT; with Apache alone)
// push:   true starts push-server; its port is sys.pushPort
// guard:  true puts the example's lines for guarding other URLs in force; PHP's socket is sys.phpSocket
// config: sections of wxchat.conf, over what is needed to run here; or a function of the system that gives them
// webConfig(sys): text added to the web server's configuration
// env:    more environment for fcgi-login and push-server
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const bin = path.resolve(root, process.env.WXCHAT_BUILD ?? 'build/bin');
export const MAGIC = 'F2C224D4-2BCE-4C64-AF9F-A6D872000D1A';
export const appId = 'wx0123456789abcdef';
export const appSecret = '0123456789abcdef0123456789abcdef';

const isRoot = process.getuid() === 0;

// A port on which nothing listens, for this process alone: below the range from which the kernel hands out ports by itself,
// above 10080, the last of those that fetch refuses (Fetch Standard, "Port blocking"), and marked by an abstract socket,
// which nobody else can have and which goes with the process.
export async function freePort() {
	for (;;) {
		const port = crypto.randomInt(10081, 30000);
		if (await listens({ path: `\0wxchat-port-${port}` }, (mark) => mark.unref())
			&& await listens({ port, host: '127.0.0.1' }, (server) => once(server.close(), 'close')))
			return port;
	}
}

// Whether a server could listen there; then it is handed on.
async function listens(where, then) {
	const server = net.createServer();
	try {
		await once(server.listen(where), 'listening');
	} catch {
		return false;
	}
	await then(server);
	return true;
}

// Every child of this process, so that none outlives it.
const children = new Set();
process.on('exit', () => {
	for (const child of children)
		child.kill('SIGKILL');
});

// A program whose stderr is kept in lines, and from which one line can be awaited.
export class Program {
	constructor(command, args, options = {}) {
		this.name = path.basename(command);
		this.lines = [];
		this.waiting = new Set();
		this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
		children.add(this.child);
		this.exited = new Promise((resolve) => this.child.on('close', (code, signal) => {
			children.delete(this.child);
			this.ended = { code, signal };
			for (const waiter of this.waiting)
				waiter.reject(new Error(`${this.name} ended (${code ?? signal}):\n${this.text()}`));
			this.waiting.clear();
			resolve(this.ended);
		}));
		this.child.on('error', (error) => this.take(String(error)));
		for (const stream of [this.child.stdout, this.child.stderr])
			readline.createInterface({ input: stream }).on('line', (line) => this.take(line));
	}

	take(line) {
		this.lines.push(line);
		for (const waiter of this.waiting) {
			const match = line.match(waiter.pattern);
			if (match) {
				this.waiting.delete(waiter);
				waiter.resolve(match);
			}
		}
	}

	text() {
		return this.lines.join('\n');
	}

	// The first line, past or future, that matches.
	line(pattern) {
		for (const line of this.lines) {
			const match = line.match(pattern);
			if (match)
				return Promise.resolve(match);
		}
		if (this.ended)
			return Promise.reject(new Error(`${this.name} ended:\n${this.text()}`));
		return new Promise((resolve, reject) => this.waiting.add({ pattern, resolve, reject }));
	}

	kill(signal = 'SIGTERM') {
		this.child.kill(signal);
		return this.exited;
	}

	// Ends it as an operator would; the tests see to it that this works.
	async stop() {
		if (this.ended)
			return this.ended;
		const late = setTimeout(() => this.child.kill('SIGKILL'), 15000);
		await this.kill();
		clearTimeout(late);
		return this.ended;
	}
}

function iniText(sections) {
	return Object.entries(sections).map(([section, keys]) =>
		`[${section}]\n` + Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')).join('\n');
}

function merge(base, more) {
	const merged = structuredClone(base);
	for (const [section, keys] of Object.entries(more ?? {}))
		merged[section] = { ...merged[section], ...keys };
	return merged;
}

// Waits until somebody accepts connections at that port, or unix socket.
export async function answering(port, program) {
	for (;;) {
		if (program.ended)
			throw new Error(`${program.name} ended:\n${program.text()}`);
		const socket = net.connect(port, '127.0.0.1');
		const up = await new Promise((resolve) => {
			socket.on('connect', () => resolve(true));
			socket.on('error', () => resolve(false));
		});
		socket.destroy();
		if (up)
			return;
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

export class System {
	constructor(options) {
		this.options = { web: 'lighttpd', login: 'socket', push: false, ...options };
		// the web server's children may run as another user
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-test-'));
		fs.chmodSync(this.dir, 0o755);
		this.programs = [];
		this.started = [];
	}

	file(...names) {
		return path.join(this.dir, ...names);
	}

	start(command, args, options) {
		const program = new Program(command, args, options);
		this.programs.push(program);
		return program;
	}

	get env() {
		return { ...process.env, ...this.options.env };
	}

	// --- the parts ---

	async startSandbox() {
		this.box = this.start(path.join(bin, 'wechat-sandbox'), []);
		this.boxUrl = (await this.box.line(/^listening on (http:\/\/127\.0\.0\.1:\d+)$/))[1];
	}

	writeConfig() {
		this.config = merge({
			wechat: { app_id: appId, app_secret: appSecret, api_base: this.boxUrl, timeout_ms: 2000,
				message_token: 'pushtoken' },
			session: { store: `lmdb:${this.file('sessions')}`, map_size_mb: 16 },
			login: { threads: 16 },
			media: { dir: this.file('media') },
			push: { listen: `127.0.0.1:${this.pushPort}`, url: `ws://127.0.0.1:${this.port}/ws` },
			history: { dir: this.file('history'), map_size_mb: 16 },
			admin: { listen: '' },
		}, typeof this.options.config === 'function' ? this.options.config(this) : this.options.config);
		fs.writeFileSync(this.file('wxchat.conf'), iniText(this.config), { mode: 0o644 });
		for (const dir of ['sessions', 'media', 'history']) {
			fs.mkdirSync(this.file(dir), { recursive: true });
			this.giveToWeb(this.file(dir));
		}
	}

	// New values for the running system; fcgi-login reads them at SIGHUP.
	rewriteConfig(more) {
		this.options.config = merge(this.options.config ?? {}, more);
		this.config = merge(this.config, more);
		fs.writeFileSync(this.file('wxchat.conf'), iniText(this.config), { mode: 0o644 });
	}

	// Apache's children are www-data when it was started by root: group, and inherited by what is made inside.
	giveToWeb(dir) {
		if (this.options.web !== 'apache' || !isRoot)
			return;
		fs.chownSync(dir, webUser().uid, webUser().gid);
		fs.chmodSync(dir, 0o2775);
	}

	async startLogin() {
		fs.mkdirSync(this.file('run'), { recursive: true });
		this.giveToWeb(this.file('run'));
		this.loginSocket = this.file('run', 'login.sock');
		const options = { env: this.env };
		if (this.options.web === 'apache' && isRoot)
			Object.assign(options, { gid: webUser().gid, uid: webUser().uid });
		this.loginProgram = this.start(path.join(bin, 'fcgi-login'),
			['-c', this.file('wxchat.conf'), '-s', this.options.listen ?? this.loginSocket], options);
		this.loginAddress = (await this.loginProgram.line(/ ready .*listening=(\S+)/))[1];
	}

	async startPush() {
		this.pushProgram = this.start(path.join(bin, 'push-server'), ['-c', this.file('wxchat.conf')], { env: this.env });
		await answering(this.pushPort, this.pushProgram);
	}

	get phpSocket() {
		return this.file('run', 'php.sock');
	}

	example(name, replacements) {
		let text = fs.readFileSync(path.join(root, 'etc', name), 'utf8');
		if (this.options.guard)
			text = text.replace(/(?<=^# Guarding other URLs[^]*)^#(?! )/gm, '').replaceAll('/run/php/php-fpm.sock', this.phpSocket);
		for (const [from, to] of replacements) {
			assert.ok(text.includes(from), `${name} has no ${from}`);
			text = text.replaceAll(from, to);
		}
		return text;
	}

	cgiScript() {
		const script = this.file('www', 'cgi-bin', 'wxchat.cgi');
		fs.mkdirSync(path.dirname(script), { recursive: true });
		fs.writeFileSync(script, `#!/bin/sh\nexec ${path.join(bin, 'fcgi-login')} -c ${this.file('wxchat.conf')}\n`);
		fs.chmodSync(script, 0o755);
		return script;
	}

	async startWeb() {
		fs.mkdirSync(this.file('www'), { recursive: true });
		const how = { lighttpd, apache, nginx }[this.options.web](this);
		fs.writeFileSync(this.file('web.conf'), how.config);
		this.webProgram = this.start(how.command, how.args, { env: this.env });
		await answering(this.port, this.webProgram);
	}

	async startAll() {
		try {
			[this.port, this.pushPort] = [await freePort(), await freePort()];
			this.url = `http://127.0.0.1:${this.port}`;
			this.weapp = `${this.url}/${this.options.login === 'cgi' ? 'cgi-bin/wxchat.cgi' : 'weapp'}`;
			this.ws = `ws://127.0.0.1:${this.port}/ws`;
			await this.startSandbox();
			this.writeConfig();
			if (this.options.login === 'socket')
				await this.startLogin();
			if (this.options.push)
				await this.startPush();
			if (this.options.web)
				await this.startWeb();
			return this;
		} catch (error) {
			await this.stop();
			throw error;
		}
	}

	async stop() {
		for (const program of [this.webProgram, ...[...this.programs].reverse()])
			await program?.stop();
		fs.rmSync(this.dir, { recursive: true, force: true });
	}

	// Everything that any part wrote to a log, the web server's among them.
	logs() {
		const files = fs.readdirSync(this.dir).filter((name) => name.endsWith('.log'))
			.map((name) => fs.readFileSync(this.file(name), 'utf8'));
		return [...this.programs.map((program) => program.text()), ...files].join('\n');
	}

	// --- what a phone does ---

	// A request to fcgi-login: { status, headers, body (parsed when it is JSON), text }.
	async call(method, route, { headers = {}, query, body, json } = {}) {
		const answer = await fetch(`${this.weapp}/${route}${query ? `?${new URLSearchParams(query)}` : ''}`, {
			method,
			headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
			body: json !== undefined ? JSON.stringify(json) : body,
		});
		const text = await answer.text();
		let parsed;
		try {
			parsed = JSON.parse(text);
		} catch {
			parsed = undefined;
		}
		return { status: answer.status, headers: answer.headers, text, body: parsed };
	}

	// What wx.* would say on the phone of that user; any of the sandbox's options.
	async wx(api, user, options = {}) {
		const answer = await fetch(`${this.boxUrl}/sandbox/${api}`, { method: 'POST',
			headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user, ...options }) });
		assert.equal(answer.status, 200);
		return answer.json();
	}

	async sandbox(method, where, body) {
		const answer = await fetch(`${this.boxUrl}/sandbox/${where}`, { method,
			headers: body ? { 'content-type': 'application/json' } : {}, body: body && JSON.stringify(body) });
		return answer.json();
	}

	fault(kind, more = {}) {
		return this.sandbox('POST', 'fault', { path: '/sns/jscode2session', kind, ...more });
	}

	noFaults() {
		return this.sandbox('DELETE', 'fault');
	}

	async code(user) {
		return (await this.wx('login', user)).code;
	}

	// Logs in with everything that wx.login and wx.getUserInfo give, or by code alone.
	// { id, skey, both: "id.skey", headers, uid, userinfo, answer }
	async login(user, { codeOnly = false } = {}) {
		const json = { code: await this.code(user) };
		if (!codeOnly) {
			const { rawData, signature, encryptedData, iv } = await this.wx('userinfo', user);
			Object.assign(json, { rawData, signature, encryptedData, iv });
		}
		const answer = await this.call('POST', 'login', { json });
		assert.equal(answer.status, 200, answer.text);
		const { id, skey } = answer.body.session;
		return { id, skey, both: `${id}.${skey}`, headers: { 'x-wx-id': id, 'x-wx-skey': skey },
			uid: answer.body.data.userinfo.uid, userinfo: answer.body.data.userinfo, answer };
	}
}

let web;
function webUser() {
	if (!web) {
		const line = fs.readFileSync('/etc/passwd', 'utf8').split('\n').find((l) => /^(www-data|apache|http):/.test(l));
		assert.ok(line, 'this machine has no user for web servers');
		const [name, , uid, gid] = line.split(':');
		web = { name, uid: Number(uid), gid: Number(gid) };
	}
	return web;
}

// --- the web servers ---

function found(...places) {
	return places.find((place) => fs.existsSync(place)) ?? places[0];
}

function lighttpd(sys) {
	const spawned = `"bin-path" => "${path.join(bin, 'fcgi-login')} -c ${sys.file('wxchat.conf')}", "max-procs" => 1,`;
	let example = sys.example('lighttpd.conf', [
		['/run/wxchat/login.sock', sys.file('run', 'login.sock')],
		['wxchat_push_port = 8765', `wxchat_push_port = ${sys.pushPort}`],
		['/var/lib/wxchat/media/', `${sys.file('media')}/`],
	]);
	if (sys.options.login === 'spawned') {
		fs.mkdirSync(sys.file('run'), { recursive: true });
		example = example.replace('(( "socket" => var.wxchat_login,', `(( ${spawned} "socket" => var.wxchat_login,`);
	}
	if (sys.options.login === 'cgi')
		sys.cgiScript();
	return {
		command: found('/usr/sbin/lighttpd', '/usr/bin/lighttpd'),
		args: ['-D', '-f', sys.file('web.conf')],
		config: `
server.document-root = "${sys.file('www')}"
server.port = ${sys.port}
server.bind = "127.0.0.1"
server.errorlog = "${sys.file('web.log')}"
server.breakagelog = "${sys.file('login.log')}"
server.upload-dirs = ( "${sys.dir}" )
server.modules += ( "mod_cgi" )
accesslog.filename = "${sys.file('access.log')}"
$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ( ".cgi" => "" ) }
${example}
${sys.options.webConfig?.(sys) ?? ''}
`,
	};
}

function apache(sys) {
	const modules = found('/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/lib/apache2');
	const names = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'auth_basic', 'mime', 'alias', 'headers', 'env', 'setenvif',
		'proxy', 'proxy_fcgi', 'proxy_http', 'authnz_fcgi', 'cgid', 'fcgid', 'actions'];
	const example = sys.example('apache.conf', [
		['unix:/run/wxchat/login.sock|fcgi://wxchat-login', sys.options.listen ? `fcgi://${sys.options.listen}`
			: `unix:${sys.file('run', 'login.sock')}|fcgi://wxchat-login`],
		['http://127.0.0.1:8765', `http://127.0.0.1:${sys.pushPort}`],
		['/var/lib/wxchat/media', sys.file('media')],
		['${APACHE_LOG_DIR}/wxchat.log', sys.file('access.log')],
		['127.0.0.1:9001', sys.options.listen ?? '127.0.0.1:9001'],
	]);
	// what the file says of the place outside of virtual hosts
	const outside = example.split('\n').filter((line) => /^# {5}/.test(line)).map((line) => line.slice(6)).join('\n');
	let cgi = '';
	if (sys.options.login === 'cgi' || sys.options.login === 'spawned') {
		sys.cgiScript();
		cgi = `
<Directory "${sys.file('www', 'cgi-bin')}">
	Options ExecCGI
	SetHandler ${sys.options.login === 'cgi' ? 'cgi-script' : 'fcgid-script'}
	Require all granted
	CGIPassAuth On
</Directory>
ScriptSock ${sys.file('cgid.sock')}
FcgidProcessTableFile ${sys.file('fcgid.shm')}
FcgidIPCDir ${sys.file('fcgid')}
FcgidMaxRequestLen 11534336
`;
		fs.mkdirSync(sys.file('fcgid'), { recursive: true });
		if (isRoot)
			fs.chownSync(sys.file('fcgid'), webUser().uid, webUser().gid);
		if (sys.options.login === 'spawned')
			sys.weapp = `${sys.url}/cgi-bin/wxchat.cgi`;
	}
	return {
		command: found('/usr/sbin/apache2', '/usr/sbin/httpd'),
		args: ['-D', 'FOREGROUND', '-f', sys.file('web.conf')],
		config: `
ServerRoot "${sys.dir}"
ServerName 127.0.0.1
Listen 127.0.0.1:${sys.port}
PidFile ${sys.file('web.pid')}
ErrorLog ${sys.file('web.log')}
${isRoot ? `User ${webUser().name}\nGroup #${webUser().gid}` : ''}
${names.filter((name) => fs.existsSync(path.join(modules, `mod_${name}.so`)))
	.map((name) => `LoadModule ${name}_module ${path.join(modules, `mod_${name}.so`)}`).join('\n')}
TypesConfig ${found('/etc/mime.types', '/dev/null')}
StartServers 1
ServerLimit 2
ThreadsPerChild 32
MaxRequestWorkers 64
DocumentRoot "${sys.file('www')}"
<Directory "${sys.file('www')}">
	Require all granted
</Directory>
${sys.options.guard ? outside : ''}
<VirtualHost 127.0.0.1:${sys.port}>
${example}
${sys.options.webConfig?.(sys) ?? ''}
</VirtualHost>
${cgi}
`,
	};
}

function nginx(sys) {
	const example = sys.example('nginx.conf', [
		['unix:/run/wxchat/login.sock', `unix:${sys.file('run', 'login.sock')}`],
		['http://127.0.0.1:8765', `http://127.0.0.1:${sys.pushPort}`],
		['/var/lib/wxchat/media/', `${sys.file('media')}/`],
		['/var/log/nginx/wxchat.log', sys.file('access.log')],
		['include fastcgi_params', `include ${found('/etc/nginx/fastcgi_params')}`],
	]);
	// what the file says of the http block, in the lines after its first two sentences
	const http = example.split('\n').filter((line) => /^# {5}(map|log_format|#)/.test(line))
		.map((line) => line.slice(6)).join('\n');
	return {
		command: found('/usr/sbin/nginx', '/usr/bin/nginx'),
		args: ['-c', sys.file('web.conf'), '-e', sys.file('web.log')],
		config: `
daemon off;
pid ${sys.file('web.pid')};
error_log ${sys.file('web.log')};
worker_processes 1;
${isRoot ? 'user root;' : ''}
events { worker_connections 512; }
http {
	client_body_temp_path ${sys.file('tmp-body')};
	proxy_temp_path ${sys.file('tmp-proxy')};
	fastcgi_temp_path ${sys.file('tmp-fastcgi')};
	uwsgi_temp_path ${sys.file('tmp-uwsgi')};
	scgi_temp_path ${sys.file('tmp-scgi')};
	${http}
	server {
		listen 127.0.0.1:${sys.port};
		root ${sys.file('www')};
		${example}
		${sys.options.webConfig?.(sys) ?? ''}
	}
}
`,
	};
}

export function startSystem(options) {
	return new System(options).startAll();
}
