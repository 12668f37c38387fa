// How the program is started, what it refuses to start with, and who is not let in.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Program, appSecret, bin, root, startSystem } from './lib/system.mjs';
import { startOperated } from './lib/operator.mjs';

const program = path.join(bin, 'fcgi-login');
let dir;
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-start-')); });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

// A user who has no other process, and a directory of that user's with a configuration in it.
const notRoot = process.getuid() !== 0 && 'only root can be another user';
function stranger(t) {
	const uid = 30000 + process.pid % 30000;
	const home = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-start-'));
	t.after(() => fs.rmSync(home, { recursive: true, force: true }));
	const file = path.join(home, 'wxchat.conf');
	fs.writeFileSync(file, fs.readFileSync(config(), 'utf8').replaceAll(dir, home));
	for (const name of [home, file])
		fs.chownSync(name, uid, uid);
	return { home, file, uid, options: { uid, gid: uid, env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } } };
}

let files = 0;
function config(text = '') {
	const file = path.join(dir, `wxchat${files++}.conf`);
	fs.writeFileSync(file, `[wechat]\napp_id = wx0123456789abcdef\napp_secret = ${appSecret}\n[session]\nstore = lmdb:${dir}/sessions\n` +
		`map_size_mb = 16\n[media]\ndir = ${dir}/media\n[history]\ndir = ${dir}/history\n${text}`);
	return file;
}

// { code, stdout, stderr } of a program that ends by itself.
function run(args, { env = {}, stdio } = {}) {
	return new Promise((resolve) => {
		const child = execFile(program, args, { env: { ...process.env, ...env }, stdio }, (error, stdout, stderr) =>
			resolve({ code: error ? error.code : 0, stdout, stderr }));
		child.stdin.end();
	});
}

function start(args, options) {
	return new Program(program, args, options);
}

// A request as a web server sends it; names and values of less than 128 bytes.
function fastcgi(params, body = '') {
	const record = (type, content) => Buffer.concat([Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]), content]);
	const pairs = Object.entries(params)
		.map(([name, value]) => Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]));
	return Buffer.concat([record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])), record(4, Buffer.concat(pairs)), record(4, Buffer.alloc(0)),
		...(body ? [record(5, Buffer.from(body))] : []), record(5, Buffer.alloc(0))]);
}

test('it says what it is and what it wants', async () => {
	assert.match((await run(['-V'])).stdout, /^fcgi-login \d+\.\d+\.\d+\n$/);
	const help = await run(['-h']);
	assert.equal(help.code, 0);
	for (const option of ['-c', '-s', '-t', '-V', '-h'])
		assert.ok(help.stdout.includes(`  ${option}`), option);
	assert.equal((await run(['--help'])).stdout, help.stdout);
	assert.equal((await run(['--version'])).stdout, (await run(['-V'])).stdout);
	for (const args of [['-x'], ['--x'], ['stray'], ['-c'], ['--config']])
		assert.equal((await run(args)).code, 2, args);
});

test('-t checks and shows the configuration, without its secrets', async () => {
	const { code, stdout } = await run(['-t', '-c', config()]);
	assert.equal(code, 0);
	assert.match(stdout, /app_id = wx0123456789abcdef/);
	assert.ok(!stdout.includes(appSecret));
});

test('a configuration that is wrong is told by file, line and key', async () => {
	for (const [text, told] of [
		['[login]\nthreads = 0\n', /conf:\d+: threads: /], ['[login]\nthread = 5\n', /conf:\d+: thread: /],
		['[session]\nmax_age = soon\n', /conf:\d+: max_age: /], ['[nothing]\na = b\n', /conf:\d+: /],
	]) {
		const { code, stderr } = await run(['-c', config(text), '-s', `${dir}/x.sock`]);
		assert.equal(code, 2, text);
		assert.match(stderr, told);
		assert.equal(stderr.trim().split('\n').length, 1);
	}
	const types = await run(['-c', config(), '-t'], { env: { WXCHAT_MEDIA_TYPES: 'image/png text/html' } });
	assert.equal(types.code, 2);
	assert.match(types.stderr, /^environment: WXCHAT_MEDIA_TYPES: text\/html .* are allowed$/m);
	const pem = path.join(dir, 'no.pem');
	fs.writeFileSync(pem, 'no certificate\n');
	for (const [text, told] of [
		['[login]\navatar_hosts = *.qlogo.cn\n', /conf:\d+: base_url: /],
		[`[wechat]\nca_file = ${pem}\n`, /conf:\d+: ca_file: holds no certificate/],
	]) {
		const { code, stderr } = await run(['-c', config(text), '-t']);
		assert.equal(code, 2, text);
		assert.match(stderr, told);
	}
	const missing = await run(['-c', `${dir}/nowhere.conf`, '-t']);
	assert.equal(missing.code, 2);
	const env = await run(['-c', config(), '-t'], { env: { WXCHAT_LOGIN_THREADS: 'many' } });
	assert.equal(env.code, 2);
	assert.match(env.stderr, /WXCHAT_LOGIN_THREADS/);
});

test('started by hand it says how to start it', async () => {
	const { code, stderr } = await run(['-c', config()]);
	assert.equal(code, 2);
	assert.match(stderr, /use -s/);
});

test('-s with a port alone is loopback, and port 0 a free one', async () => {
	const own = start(['-c', config(), '-s', ':0']);
	const [, host, port] = await own.line(/ ready listening=([\d.]+):(\d+)/);
	assert.equal(host, '127.0.0.1');
	assert.ok(Number(port) > 0);
	assert.deepEqual(await own.stop(), { code: 0, signal: null });
	const six = start(['-c', config(), '-s', '[::1]:0']);
	await six.line(/ ready listening=\[::1\]:\d+/);
	await six.stop();
	for (const where of ['9000', ':70000', 'example.com:1', 'x', ':', '1.2.3.4:'])
		assert.equal((await run(['-c', config(), '-s', where])).code, 2, where);
});

test('a unix socket is for its group, is not stolen, and goes with the program', async () => {
	const socket = path.join(dir, 'login.sock');
	const own = start(['-c', config(), '-s', socket]);
	await own.line(/ ready /);
	assert.equal(fs.statSync(socket).mode & 0o777, 0o660);
	const thief = await run(['-c', config(), '-s', socket]);
	assert.equal(thief.code, 1);
	assert.match(thief.stderr, /somebody else answers there/);
	assert.deepEqual(await own.stop(), { code: 0, signal: null });
	assert.ok(!fs.existsSync(socket));

	const killed = start(['-c', config(), '-s', socket]);
	await killed.line(/ ready /);
	await killed.kill('SIGKILL');
	assert.ok(fs.existsSync(socket));
	const next = start(['-c', config(), '-s', `unix:${socket}`]);
	await next.line(/ ready /);
	await next.stop();

	fs.writeFileSync(socket, 'a file');
	assert.equal((await run(['-c', config(), '-s', socket])).code, 1);
	assert.equal(fs.readFileSync(socket, 'utf8'), 'a file');
	fs.rmSync(socket);
});

test('another user\'s socket is not stolen', { skip: notRoot }, async (t) => {
	const { home, file, options } = stranger(t);
	const socket = path.join(home, 'login.sock');
	const own = start(['-c', config(), '-s', socket]);
	await own.line(/ ready /);
	const thief = start(['-c', file, '-s', socket], options);
	await assert.rejects(thief.line(/ ready /), /login\.sock: the socket that is there is not ours to take: Permission denied$/);
	assert.deepEqual(thief.ended, { code: 1, signal: null });
	await once(net.connect(socket), 'connect');
	await own.stop();
});

test('without threads it ends and says why', { skip: notRoot }, async (t) => {
	const { home, file, options } = stranger(t);
	const socket = path.join(home, 'login.sock');
	for (const threads of [1, 2, 3]) {	// the one that asks WeChat, the one that commits, those that serve
		const own = new Program('prlimit', [`--nproc=${threads}`, program, '-c', file, '-s', socket], options);
		assert.deepEqual(await own.exited, { code: 1, signal: null }, own.text());
		assert.match(own.text(), /^\S+ error login cannot-start why="no thread could be started" error=11$/);
		assert.ok(!fs.existsSync(socket));
	}
});

test('whoever comes during a stop is refused at once, and silence does not hold it up', async (t) => {
	const own = await startSystem({ web: null, config: { wechat: { timeout_ms: 5000 } } });
	t.after(() => own.stop());
	const silent = net.connect(own.loginSocket), hungUp = once(silent, 'close');
	await once(silent, 'connect');
	await own.fault('hang');
	// a login that waits for WeChat keeps the program alive meanwhile
	const login = net.connect(own.loginSocket);
	login.write(fastcgi({ REQUEST_METHOD: 'GET', REQUEST_URI: '/login', HTTP_X_WX_CODE: 'c' }));
	const answered = once(login, 'data');
	while (((await own.sandbox('GET', 'log')).counts['/sns/jscode2session'] ?? 0) === 0)
		await new Promise((resolve) => setTimeout(resolve, 10));
	own.loginProgram.child.kill('SIGTERM');
	const refused = async () => {
		const late = net.connect(own.loginSocket);
		const [error] = await Promise.race([once(late, 'error'), once(late, 'connect').then(() => [])]).catch((e) => [e]);
		late.destroy();
		return error?.code;
	};
	while (await refused() !== 'ECONNREFUSED')
		await new Promise((resolve) => setTimeout(resolve, 10));
	assert.ok(!own.loginProgram.ended, 'it did not wait for the login');
	await hungUp;
	assert.match(String((await answered)[0]), /ERR_WECHAT_TIMEOUT/);
	assert.deepEqual(await own.loginProgram.exited, { code: 0, signal: null });
	assert.ok(!own.loginProgram.text().includes('still being served'));
});

test('a body that was cut short is refused, though the code came in a header', async (t) => {
	const own = await startSystem({ web: null });
	t.after(() => own.stop());
	const socket = net.connect(own.loginSocket);
	socket.write(fastcgi({ REQUEST_METHOD: 'POST', REQUEST_URI: '/login', CONTENT_LENGTH: '10', HTTP_X_WX_CODE: await own.code('cut') }, '{"a'));
	const [answer] = await once(socket, 'data');
	assert.match(String(answer), /Status: 400 .*ERR_BAD_REQUEST/s);
	socket.destroy();
});

test('a service manager may pass on the socket', async () => {
	const server = net.createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@"';
	const own = new Program('/bin/sh', ['-c', script, program, '-c', config()],
		{ stdio: ['ignore', 'pipe', 'pipe', server._handle] });
	const [, where] = await own.line(/ ready listening=(\S+)/);
	assert.equal(where, `127.0.0.1:${server.address().port}`);
	assert.deepEqual(await own.stop(), { code: 0, signal: null });
	server.close();
});

test('as CGI it finds its own address by the variables that every web server tells', async (t) => {
	const own = await startSystem({ web: null });
	t.after(() => own.stop());
	const login = async (variables) => {
		const { stdout } = await run(['-c', own.file('wxchat.conf')], { env: { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET',
			QUERY_STRING: `code=${await own.code('nameless')}`, HTTP_HOST: 'example.com', ...variables } });
		const [, json] = stdout.split('\r\n\r\n');
		return JSON.parse(json).data.userinfo.avatarUrl.replace(/[0-9a-f]+$/, '');
	};
	assert.equal(await login({ SCRIPT_NAME: '/cgi-bin/wxchat.cgi', PATH_INFO: '/login' }), 'http://example.com/cgi-bin/wxchat.cgi/avatar?uid=');
	assert.equal(await login({ SCRIPT_NAME: '/chat/login' }), 'http://example.com/chat/avatar?uid=');
	assert.equal(await login({ SCRIPT_NAME: '', PATH_INFO: '/login' }), 'http://example.com/avatar?uid=');
	assert.equal(await login({ REQUEST_URI: '/weapp/login?a=/b', SCRIPT_NAME: '/x', PATH_INFO: '/y' }), 'http://example.com/weapp/avatar?uid=');
});

test('an Authorization that a rewrite of Apache\'s has renamed is read', async (t) => {
	const own = await startSystem();
	t.after(() => own.stop());
	const { both } = await own.login('rewritten'), stranger = `${'0'.repeat(64)}.${'0'.repeat(64)}`;
	const status = async (variables) => (await run(['-c', own.file('wxchat.conf')], { env: { GATEWAY_INTERFACE: 'CGI/1.1',
		REQUEST_METHOD: 'GET', REQUEST_URI: '/user', HTTP_HOST: 'example.com', ...variables } })).stdout.match(/^Status: (\d+)/)[1];
	assert.equal(await status({ REDIRECT_HTTP_AUTHORIZATION: `Bearer ${both}` }), '200');
	assert.equal(await status({ HTTP_AUTHORIZATION: `Bearer ${stranger}`, REDIRECT_HTTP_AUTHORIZATION: `Bearer ${both}` }), '401');
	assert.equal(await status({}), '401');
});

test('as CGI it hears nothing from a query but a request', async () => {
	const cgi = (query, args) => run(args, { env: { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', REQUEST_URI: '/health',
		QUERY_STRING: query, REMOTE_ADDR: '127.0.0.1' } });
	const file = config();
	const fine = await cgi('', ['-c', file]);
	assert.match(fine.stdout, /^Status: 200 OK\r\n/);
	for (const args of [['-s', ':0'], ['-V'], ['-t', '-c', file], ['-c', file]]) {
		const { code, stdout } = await cgi(args.map(encodeURIComponent).join('+'), args);
		assert.equal(code, 0);
		assert.match(stdout, /^Status: 500 /, args.join(' '));
		assert.ok(!stdout.includes(dir), 'the answer tells where things are');
	}
	for (const query of ['-c', '-t', '-V', '%2Dc', 'x+y'])	// a wrapper's arguments, which the query has nothing to do with
		assert.match((await cgi(query, ['-c', file])).stdout, /^Status: 200 /, query);
	// Apache puts backslashes before what a shell would read
	const odd = path.join(dir, 'a;b.conf'), escaped = path.join(dir, 'a\\;b.conf');
	fs.copyFileSync(file, escaped);
	assert.match((await cgi(`-c+${encodeURIComponent(odd)}`, ['-c', escaped])).stdout, /^Status: 500 /);
});

test('a log that was moved away is begun anew at SIGHUP', async () => {
	const log = path.join(dir, 'login.log');
	const fd = fs.openSync(log, 'a');
	const child = spawn(program, ['-c', config(), '-s', path.join(dir, 'log.sock')], { stdio: ['ignore', 'ignore', fd] });
	fs.closeSync(fd);
	const has = async (text) => {
		while (!(fs.existsSync(log) && fs.readFileSync(log, 'utf8').includes(text)))
			await new Promise((resolve) => setTimeout(resolve, 10));
	};
	await has(' ready ');
	fs.renameSync(log, `${log}.1`);
	child.kill('SIGHUP');
	await has(' reloaded ');
	assert.ok(!fs.readFileSync(`${log}.1`, 'utf8').includes(' reloaded '));
	child.kill('SIGTERM');
	assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a store of another time is refused with clear words, and left alone', async (t) => {
	const own = start(['-c', config(), '-s', path.join(dir, 'a.sock')]);
	await own.line(/ ready /);
	await own.stop();
	const old = path.join(dir, 'old');
	fs.mkdirSync(old);
	const loader = spawn('mdb_load', ['-T', '-s', 'meta', old], { stdio: ['pipe', 'ignore', 'inherit'] });
	loader.stdin.end('schema\n99\n');
	const [code] = await once(loader, 'exit');
	assert.equal(code, 0);
	const before = fs.readFileSync(path.join(old, 'data.mdb'));
	const refused = await run(['-c', config(), '-s', path.join(dir, 'b.sock')], { env: { WXCHAT_SESSION_STORE: `lmdb:${old}` } });
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /schema|version/i);
	assert.deepEqual(fs.readFileSync(path.join(old, 'data.mdb')), before);
	t.diagnostic(refused.stderr.trim());
});

test('a peer that connects and says nothing holds up nobody', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { login: { threads: 4 } } });
	t.after(() => sys.stop());
	const silent = Array.from({ length: 3 }, () => net.connect(sys.loginSocket));
	await Promise.all(silent.map((socket) => once(socket, 'connect')));
	silent[0].write(Buffer.from([1]));
	silent[1].write(Buffer.from([1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
	for (let i = 0; i < 20; i++)
		assert.equal((await sys.call('GET', 'health')).status, 200);
	silent.forEach((socket) => socket.destroy());
	assert.equal((await sys.call('GET', 'health')).status, 200);
});

test('garbage instead of FastCGI ends its connection and nothing else', async (t) => {
	const sys = await startSystem({ web: 'nginx' });
	t.after(() => sys.stop());
	for (const bytes of [Buffer.alloc(5000, 'GET / HTTP/1.1\r\n'), Buffer.from('0101000100080000', 'hex'), Buffer.alloc(4096, 1), Buffer.alloc(100)]) {
		const socket = net.connect(sys.loginSocket);
		socket.on('error', () => {}).resume();
		socket.end(bytes);
		await once(socket, 'close');
	}
	assert.equal((await sys.call('GET', 'health')).status, 200);
});

test('a banned user and a banned address are told so', async (t) => {
	const sys = await startOperated({ web: 'nginx', config: { login: { trusted_proxies: '127.0.0.1' } } });
	t.after(() => sys.stop());
	await sys.findAdmin?.();
	const s = await sys.login('banned'), other = await sys.login('other');
	await sys.api('ban', { uid: s.uid });
	const user = await sys.call('GET', 'user', { headers: s.headers });
	assert.equal(user.status, 403);
	assert.deepEqual([user.body.code, user.body.error], [1, 'ERR_BANNED']);
	const login = await sys.call('POST', 'login', { json: { code: await sys.code('banned') } });
	assert.equal(login.status, 403);
	assert.deepEqual([login.body.code, login.body.error], [-1, 'ERR_BANNED']);
	assert.equal((await sys.call('GET', 'user', { headers: other.headers })).status, 200);
	await sys.api('ban', { address: '192.0.2.7' });
	const from = (address) => sys.call('GET', 'user', { headers: { ...other.headers, 'x-forwarded-for': address } });
	assert.equal((await from('192.0.2.7')).status, 403);
	assert.equal((await from('192.0.2.7, 192.0.2.8')).status, 200);
});

test('a body that hardly comes lets go of its thread', async (t) => {
	const own = await startSystem({ web: null, config: { login: { threads: 1 } } });
	t.after(() => own.stop());
	const slow = net.connect(own.loginSocket);
	const closed = new Promise((resolve) => slow.on('error', () => {}).on('close', resolve).resume());
	const whole = fastcgi({ REQUEST_METHOD: 'POST', REQUEST_URI: '/login', CONTENT_LENGTH: '10000' }, 'x'.repeat(10000));
	slow.write(whole.subarray(0, whole.length - 9990));
	let sent = whole.length - 9990;
	const drip = setInterval(() => slow.write(whole.subarray(sent, ++sent)), 300);
	await closed;
	clearInterval(drip);
	const other = net.connect(own.loginSocket), parts = [];
	other.on('data', (part) => parts.push(part));
	other.write(fastcgi({ REQUEST_METHOD: 'GET', REQUEST_URI: '/health' }));
	await once(other, 'close');
	assert.match(Buffer.concat(parts).toString(), /Status: 200 /);
	assert.ok(sent < whole.length, 'it was not heard to its end');
});

test('while the disk stalls, a login that would be one too many is refused at once, and the others are served after', async (t) => {
	const waiting = 1024;
	const own = await startSystem({ web: null, config: { wechat: { timeout_ms: 30000 },
		login: { threads: 16, queue_max: 1024, rate_per_address: 0, rate_per_user: 0 } } });
	t.after(() => own.stop());
	const holding = path.join(dir, 'holding');
	execFileSync('cc', ['-std=c11', '-o', holding, path.join(root, 'tests/fault/holding.c'), '-llmdb']);
	const codes = [];
	for (let i = 0; i <= waiting; i++)
		codes.push(await own.code(`stalled ${i}`));
	const holder = new Program(holding, [own.file('sessions')], { stdio: ['pipe', 'pipe', 'pipe'] });
	t.after(() => holder.stop());
	await holder.line(/^held$/);
	const answers = codes.map((code) => new Promise((resolve) => {
		const socket = net.connect(own.loginSocket);
		const parts = [];
		socket.on('data', (part) => parts.push(part));
		socket.on('close', () => resolve(Buffer.concat(parts).toString()));
		socket.write(fastcgi({ REQUEST_METHOD: 'GET', REQUEST_URI: '/login', HTTP_X_WX_CODE: code }));
	}));
	const first = await Promise.race(answers);
	assert.match(first, /Status: 503 .*Retry-After: 1\r\n.*ERR_STORE.*too many wait for the store/s);
	holder.child.stdin.end();
	await holder.exited;
	const served = (await Promise.all(answers)).filter((answer) => /Status: 200 /.test(answer));
	assert.equal(served.length, waiting);
});
