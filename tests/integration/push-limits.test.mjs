// What push-server does at its limits: who is let in, how slowly, how fast and how much, what happens without memory or
// descriptors, how it listens, and how it stops without losing anything.  Each test has servers of its own.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';
import WebSocket from 'ws';
import { BINARY, CONTINUATION, PING, PONG, PushServer, TEXT, closeFrame, frame, request, startPushServer,
	stopAll, stopCleanly } from './lib/push.mjs';
import { Client } from './lib/chat.mjs';
import { sanitized } from './lib/fault.mjs';
import { bin } from './lib/system.mjs';

const parallel = { concurrency: 4 };

after(stopAll);

// A test with a server that must end well whatever was done to it.
function withServer(name, config, run, { skip = false, ...options } = {}) {
	test(name, { skip }, async () => {
		const server = await startPushServer(config, options);
		try {
			await run(server);
			await server.answers();
		} catch (error) {
			error.message += `\n${server.program.text()}`;
			await server.stop();
			throw error;
		}
		await stopCleanly(server);
	});
}

async function status(server, headers, target = '/echo') {
	const answer = await server.ask(request(target, headers));
	return { status: answer.status, wire: answer.wire };
}

// Until the server has noticed that somebody has gone.
async function eventually(attempt) {
	for (let i = 0; i < 400; i++) {
		if (await attempt())
			return;
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	assert.fail('it never came to pass');
}

const say = (content, cid) => frame(TEXT, JSON.stringify({ text: true, content, cid }));

// --- who is let in ---

describe('Origin', parallel, () => {
	withServer('only the origins named are let in, in any case', { push: { origins: 'https://A.example:443, HTTPS://b.example:8443' } },
		async (server) => {
			const expected = { 'https://a.example': 101, 'HTTPS://A.Example': 101, 'https://a.example/': 403, 'https://b.example:8443': 101, 'https://c.example': 403, 'http://a.example': 403,
				'https://a.example.evil.example': 403, 'https://evil.example/https://a.example': 403, 'https://b.example': 403,
				'a.example': 403, null: 403, '': 403, 'https://a.example, https://b.example:8443': 403, '*': 403 };
			for (const [origin, wanted] of Object.entries(expected))
				for (const target of ['/echo', '/ws', '/socket.io/?EIO=4&transport=websocket'])
					assert.equal((await status(server, { Origin: origin }, target)).status, wanted, `${origin} ${target}`);
			server.answers = async () => {
				const { status: now, wire } = await status(server, { Origin: 'https://a.example' });
				assert.equal(now, 101);
				wire.destroy();
			};
		});
	for (const origins of ['', '*', 'https://a.example, *'])
		withServer(`with "${origins}" any is let in`, { push: { origins } }, async (server) => {
			for (const origin of ['https://servicewechat.com', 'http://host,undefined', 'weapp://wechat-game-runtime', 'null', null])
				assert.equal((await status(server, { Origin: origin })).status, 101);
		});
});

describe('connections from one address', parallel, () => {
	withServer('more than the limit get 429, and a place that was given back is free', { push: { max_conns_per_ip: 2 } }, async (server) => {
		const first = await server.open('/echo'), second = await server.open('/echo');
		assert.equal((await status(server)).status, 429);
		first.send(closeFrame(1000));
		await first.closeCode();
		first.destroy();
		await eventually(async () => (await status(server)).status === 101);
		second.destroy();
		await eventually(async () => {
			const one = await status(server);
			one.wire.destroy();
			return one.status === 101;
		});
		for (const wire of server.wires)
			wire.destroy();
		server.answers = () => eventually(async () => (await status(server)).status === 101);
	});
	withServer('a trusted proxy tells who speaks, and what others put into the list is not believed',
		{ push: { max_conns_per_ip: 2, trusted_proxies: '127.0.0.1, 10.0.0.1' } }, async (server) => {
			const from = async (list) => (await status(server, { 'X-Forwarded-For': list })).status;
			assert.equal(await from('192.0.2.1'), 101);
			assert.equal(await from('198.51.100.7, 192.0.2.1'), 101, 'the right-most counts');
			assert.equal(await from('203.0.113.5, 192.0.2.1'), 429, 'whatever stands before it');
			assert.equal(await from('192.0.2.1, 10.0.0.1'), 429, 'behind another trusted proxy');
			assert.equal(await from('192.0.2.1:5555'), 429, 'with a port');
			assert.equal(await from('192.0.2.2'), 101, 'another address');
			assert.equal(await from('2001:db8::1'), 101);
			assert.equal(await from('[2001:db8::2]:443'), 101, 'the same network of 64 bits');
			assert.equal(await from('2001:db8::3'), 429);
			assert.equal(await from('2001:db8:0:1::1'), 101, 'another one');
			assert.equal(await from('192.0.2.9, nonsense'), 101, 'garbage: then it is the proxy that speaks');
			assert.equal(await from('x'.repeat(500)), 101);
			assert.equal(await from(', , '), 429);
			assert.equal(await from('127.0.0.1'), 429);
			server.answers = async () => assert.equal(await from('192.0.2.99'), 101);
		});
	withServer('nobody else is believed', { push: { max_conns_per_ip: 2, trusted_proxies: '10.0.0.1' } }, async (server) => {
		const from = async (list) => (await status(server, { 'X-Forwarded-For': list })).status;
		assert.equal(await from('192.0.2.1'), 101);
		assert.equal(await from('192.0.2.2'), 101);
		assert.equal(await from('192.0.2.3'), 429);
		for (const wire of server.wires)
			wire.destroy();
		server.answers = () => eventually(async () => await from('192.0.2.3') === 101);
	});
});

// --- slow and fast ---

describe('time', parallel, () => {
	withServer('a handshake has handshake_s, however busily it is not finished', { push: { handshake_s: 1 } }, async (server) => {
		const silent = await server.connect(), slow = await server.connect();
		const text = request('/echo', { 'X-Long': 'x'.repeat(7000) });
		let at = 0;
		const trickle = setInterval(() => slow.send(text[at++]), 20);
		assert.match(await silent.end(), /fin|ECONNRESET/);
		assert.match(await slow.end(), /fin|ECONNRESET|EPIPE/);
		clearInterval(trickle);
		assert.ok(at < text.length);
	});
	withServer('who is silent is pinged, and who stays silent is closed with 1001', { push: { ping_s: 1, idle_s: 3 } }, async (server) => {
		const silent = await server.open('/echo'), alive = await server.open('/echo');
		let over = false;
		const living = (async () => {
			let pings = 0;
			while (!over) {
				const got = await alive.frame();
				assert.equal(got.opcode, PING);
				alive.send(frame(PONG, got.payload));
				pings++;
			}
			return pings;
		})();
		const first = await silent.frame();
		assert.deepEqual([first.opcode, first.payload.length], [PING, 0]);
		assert.equal(await silent.closeCode(), 1001);
		over = true;
		assert.ok(await living >= 2);
		alive.send(frame(TEXT, 'x'));
		for (let got; got?.opcode !== TEXT;)
			got = await alive.frame();
	});
	withServer('a client that sees no pings has an operation for it', { push: { ping_s: 1, idle_s: 2 } }, async (server) => {
		const wire = await server.join(await server.login('甲'));
		wire.send(frame(TEXT, '{"op":"ping","cid":"p1"}'));
		const pong = await wire.event('pong');
		assert.equal(pong.cid, 'p1');
		assert.ok(Math.abs(pong.time - Date.now()) < 60000);
	});
	withServer('too many messages are refused, each by its cid, and abuse is closed with 4429', { push: { rate: '5/s' } }, async (server) => {
		const [a, b] = await Promise.all([server.login('甲'), server.login('乙')]);
		const wire = await server.join(a), other = await server.join(b);
		for (let i = 0; i < 40; i++)
			wire.send(say('x', `c${i}`));
		const kept = [], refused = [];
		while (kept.length + refused.length < 40) {
			const got = await wire.json();
			if (got.event === 'refused') {
				assert.equal(got.reason, 'ERR_RATE_LIMITED');
				assert.equal(got.error, undefined, 'this would make clients forget their session');
				refused.push(got.cid);
			} else if (got.type === 'user') {
				kept.push(got.cid);
			}
		}
		assert.equal(new Set([...kept, ...refused]).size, 40);
		assert.ok(kept.length >= 10 && refused.length >= 1, `${kept.length} kept`);
		for (let i = 0; i < 400; i++)
			wire.send(say('x'));
		assert.equal(await wire.closeCode(), 4429);
		assert.equal(await wire.end(), 'fin');
		other.send(say('I am still here', 'o'));
		for (let got = {}; got.cid !== 'o';)
			got = await other.event('message');
	});
});

describe('what costs more than it looks', parallel, () => {
	const values = (count) => Array(count).fill('{}').join();
	withServer('operations are small, in every dialect', {}, async (server) => {
		const session = await server.login('甲');
		const wire = await server.join(session, 'r');
		wire.send(frame(TEXT, `{"op":"ping","cid":"most","a":[${values(253)}]}`));
		assert.equal((await wire.event('pong')).cid, 'most');
		wire.send(frame(TEXT, `{"op":"ping","cid":"more","a":[${values(254)}]}`));
		const refused = await wire.event('refused');
		assert.deepEqual([refused.reason, refused.cid], ['ERR_BAD_REQUEST', 'more']);
		assert.match(refused.message, /256 values/);
		wire.send(frame(TEXT, `{"content":[${values(2000)}],"cid":"m"}`));
		assert.equal((await wire.event('message')).content.length, 2000, 'a message holds what it likes');

		const tunnel = await server.open(`/ws?room=r&dialect=tunnel&${session.query}`);
		tunnel.send(frame(TEXT, `message:{"type":"x","content":{"op":"ping","cid":"t","a":[${values(254)}]}}`));
		for (let got = ''; !got.includes('256 values');)
			got = await tunnel.message();
		const socket = await server.open(`/socket.io/?EIO=4&transport=websocket&room=r&${session.query}`);
		socket.send(frame(TEXT, '40'), frame(TEXT, `421["ping",{"a":[${values(254)}]}]`));
		for (let got = ''; !got.startsWith('431[');) {
			got = await socket.message();
			assert.ok(!got.startsWith('431[') || got.includes('256 values'), got);
		}
	});
	for (const [dialect, target, first, bad] of [
		['JSON', '/ws?', [], frame(TEXT, 'x')],
		['the tunnel', '/ws?dialect=tunnel&', [], frame(TEXT, 'message:x')],
		['the tunnel, in bytes', '/ws?dialect=tunnel&', [], frame(BINARY, 'x')],
		['Socket.IO', '/socket.io/?EIO=4&transport=websocket&', [frame(TEXT, '40')], frame(TEXT, '42{}')],
		['Socket.IO, of another kind', '/socket.io/?EIO=4&transport=websocket&', [frame(TEXT, '40')], frame(TEXT, '46')],
	])
		withServer(`who goes on sending nonsense is closed with 4429: ${dialect}`, {}, async (server) => {
			const wire = await server.open(`${target}room=r&${(await server.login('甲')).query}`);
			wire.send(...first, ...Array(300).fill(bad));
			assert.equal(await wire.closeCode(), 4429);
		});
});

// --- how much ---

describe('slow consumers', parallel, () => {
	for (const secure of [false, true])
		test(`one is closed with 4408, and the others hear everything${secure ? ', over TLS' : ''}`, async () => {
			const server = new PushServer({ push: { echo_path: '/echo', queue_kb: 128, max_message_kb: 64, rate: 0 } });
			if (secure)
				certificate(server, 'one');
			Object.assign(server.sections.push, secure ? { tls_cert: server.file('one.crt'), tls_key: server.file('one.key') } : {});
			server.writeConfig();
			await server.start();
			const options = secure ? overTls : undefined;
			const [a, b, c] = await Promise.all(['甲', '乙', '丙'].map((user) => server.login(user)));
			const fast = await server.join(a, 'r', '', {}, options), witness = await server.join(b, 'r', '', {}, options);
			const slow = await server.join(c, 'r', '', {}, options);
			slow.socket.pause();
			const content = 'x'.repeat(60000);
			for (let i = 1; i <= 400; i++) {	// more than any kernel keeps for it
				fast.send(say(content, `m${i}`));
				const [mine, theirs] = await Promise.all([fast.event('message'), witness.event('message')]);
				assert.equal(mine.id, theirs.id);
				assert.equal(mine.id, i);
			}
			slow.socket.resume();
			assert.equal(await slow.closeCode(), 4408, 'whole frames up to the close');
			slow.send(closeFrame(4408));
			assert.equal(await slow.end(), 'fin');
			await server.answers(options);
			await stopCleanly(server);
		});
	withServer('a client that asks for much and takes nothing is not read, and harms nobody', { push: { queue_kb: 64, max_message_kb: 64 } },
		async (server) => {
			const greedy = await server.open('/echo');
			greedy.socket.pause();
			const chunk = frame(BINARY, Buffer.alloc(60000));
			for (let i = 0; i < 400 && greedy.socket.write(chunk); i++)
				;
			await server.answers();
			greedy.socket.resume();
			for (let i = 0; i < 3; i++)
				assert.equal((await greedy.frame()).payload.length, 60000);
		});
});

describe('the largest message that can be configured', parallel, () => {
	const SIZE = 16384 * 1024;
	withServer('is echoed, relayed, stored and told; one byte more is 1009', { push: { max_message_kb: 16384, queue_kb: 262144, rate: 0 } },
		async (server) => {
			const [a, b] = await Promise.all([server.login('甲'), server.login('乙')]);
			const [wire, other, tunnel, echo] = await Promise.all([server.join(a, 'r'), server.join(b, 'r'),
				server.open(`/ws?room=r&dialect=tunnel&${b.query}`), server.open('/echo')]);
			for (const one of [wire, other, tunnel, echo])
				one.patience_ms = 60000;	// sanitizers take their time
			const binary = Buffer.alloc(SIZE, 'b');
			echo.send(frame(BINARY, binary));
			assert.ok((await echo.frame()).payload.equals(binary));
			const text = (cid) => {
				const head = `{"text":true,"cid":"${cid}","content":"`;
				return Buffer.from(`${head}${'x'.repeat(SIZE - head.length - 2)}"}`);
			};
			const whole = frame(TEXT, text('c0'));
			assert.equal(whole.length, SIZE + 14);
			wire.send(whole);
			assert.equal((await wire.event('message')).cid, 'c0');
			assert.equal((await other.event('message')).cid, 'c0');
			while (!(await tunnel.message()).startsWith('message:{"type":"speak"'))
				;
			for (const cid of ['c1', 'c2', 'c3'])	// more than goes into one write
				wire.send(frame(TEXT, text(cid)));
			for (const cid of ['c1', 'c2', 'c3'])
				assert.equal((await other.event('message')).cid, cid);
			other.send(frame(BINARY, binary));
			for (let got; got?.opcode !== BINARY;)
				got = await wire.frame();
			other.send(frame(TEXT, '{"op":"history","limit":100,"cid":"h"}'));
			const page = await other.event('history');
			assert.deepEqual([page.messages.map((m) => m.id), page.more], [[4], true], 'one at least');
			assert.equal(page.messages[0].content.length + 37, SIZE);
			wire.send(frame(TEXT, '', { declared: SIZE + 1 }));
			assert.equal(await wire.closeCode(), 1009);
		});
});

describe('memory', parallel, () => {
	withServer('past the mark new connections get 503, and nobody who is in is harmed', { push: { max_memory_mb: 1 } }, async (server) => {
		const early = await server.open('/echo');
		const ballast = await Promise.all(Array.from({ length: 20 }, () => server.open('/echo')));
		for (const wire of ballast)		// half a message each, kept in memory
			wire.send(frame(BINARY, Buffer.alloc(15000), { fin: false }));
		await server.program.line(/memory .*over_mark=yes/);
		const refused = await server.ask(request('/echo'));
		assert.equal(refused.status, 503);
		assert.ok(Number(refused.headers['retry-after']) > 0);
		assert.equal(await refused.wire.end(), 'fin');
		early.send(frame(TEXT, 'I was here before'));
		assert.equal((await early.frame()).payload.toString(), 'I was here before');
		server.answers = async () => {};
	});
	withServer('what a crowd used keeps nobody out once it has gone', { push: { max_memory_mb: 12, max_message_kb: 64 } }, async (server) => {
		const crowd = await Promise.all(Array.from({ length: 400 }, () => server.open('/echo')));
		const half = frame(BINARY, Buffer.alloc(60000), { fin: false });
		for (const wire of crowd)
			wire.send(half);
		await server.program.line(/memory .*over_mark=yes/);
		crowd.forEach((wire, i) => i % 40 && wire.destroy());	// who stays holds a bit of everywhere
		await server.program.line(/memory .*over_mark=no/);
		const late = await server.open('/echo');
		for (const wire of [crowd[0], crowd[80], late]) {
			wire.send(wire === late ? frame(TEXT, 'x') : frame(CONTINUATION, 'x'));
			assert.equal((await wire.frame()).payload.at(-1), 'x'.charCodeAt(0));
		}
	}, { skip: sanitized && 'the sanitizers have a malloc of their own' });
});

describe('descriptors', parallel, () => {
	for (const workers of [1, 2])
		withServer(`without any left it answers, backs off, recovers and never spins, with ${workers} workers`, { push: { workers } },
			async (server) => {
				const before = server.cpu_ms(), from = Date.now();
				const early = await server.open('/echo');
				const crowd = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
				let open = 0, refused = 0;
				crowd.forEach((wire) => wire.send(request('/echo')));
				const outcomes = crowd.map(async (wire) => {
					const answer = await wire.answer();
					if (answer.status === 101)
						open++;
					else if (answer.status === 503)
						refused++;
				});
				outcomes.forEach((one) => one.catch(() => {}));
				await server.program.line(/no-descriptors/);
				await eventually(() => refused >= 8);
				const used = server.cpu_ms() - before, passed = Date.now() - from;
				assert.ok(open >= 20, `${open} are open`);
				assert.ok(used <= 200 + passed / 4, `${used} ms of CPU in ${passed} ms`);
				early.send(frame(TEXT, 'still here'));
				assert.equal((await early.frame()).payload.toString(), 'still here');
				for (const wire of crowd)
					wire.destroy();
				await eventually(async () => (await status(server).catch(() => ({}))).status === 101);
			}, { wrap: ['/bin/sh', '-c', 'ulimit -n 64; exec "$@"', 'sh'] });
});

// --- how it listens ---

describe('listening', parallel, () => {
	test('on a unix socket, which its group may use, and which a crash does not leave in the way', async () => {
		const server = new PushServer({ push: { echo_path: '/echo', max_conns_per_ip: 1 } });
		const socket = server.file('push.sock');
		server.sections.push.listen = `unix:${socket}`;
		server.writeConfig();
		await server.start();
		server.where = socket;
		assert.equal(fs.statSync(socket).mode & 0o777, 0o660);
		await server.answers();
		/* the web server in front says who speaks */
		const from = async (list) => (await status(server, { 'X-Forwarded-For': list })).status;
		assert.equal(await from('192.0.2.1'), 101);
		assert.equal(await from('192.0.2.1'), 429);
		assert.equal(await from('192.0.2.2'), 101);

		const rival = new PushServer({ push: { listen: `unix:${socket}` } });
		await assert.rejects(rival.start(), /Address already in use/);
		assert.equal((await rival.program.exited).code, 1);
		await rival.stop();
		assert.equal(await from('192.0.2.3'), 101);

		await server.program.kill('SIGKILL');
		await server.start();
		await server.answers();
		await stopCleanly(server);
	});
	test('on several addresses at once', async () => {
		const server = new PushServer({ push: { echo_path: '/echo' } });
		const socket = server.file('push.sock');
		server.sections.push.listen = `127.0.0.1:0, unix:${socket}, [::1]:0`;
		server.writeConfig();
		await server.start();
		await server.answers();
		server.where = socket;
		await server.answers();
		await stopCleanly(server);
	});
	withServer('a second server on one history ends before it listens', {}, (server) => {
		const second = spawnSync(path.join(bin, 'push-server'), ['-c', server.configFile], { encoding: 'utf8' });
		assert.equal(second.status, 1);
		assert.match(second.stderr, /another push-server writes to the history in /);
		assert.doesNotMatch(second.stderr, /listening|Sanitizer/);
	});
	test('on a taken port it says so and ends with 1', async () => {
		const taken = net.createServer().listen(0, '127.0.0.1');
		await once(taken, 'listening');
		const server = new PushServer({ push: { listen: `127.0.0.1:${taken.address().port}` } });
		await assert.rejects(server.start(), /Address already in use/);
		assert.equal((await server.program.exited).code, 1);
		await server.stop();
		taken.close();
	});
	for (const count of [1, 2, 3])
		test(`on ${count} sockets handed over by systemd`, async () => {
			const sockets = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
			await Promise.all(sockets.map((one) => once(one, 'listening')));
			const ports = sockets.map((one) => one.address().port);
			const server = new PushServer({ push: { echo_path: '/echo', workers: 2, listen: '127.0.0.1:1' } },
				{ wrap: ['/bin/sh', '-c', `LISTEN_PID=$$ LISTEN_FDS=${count} exec "$@"`, 'sh'] });
			const starting = server.start({ stdio: ['ignore', 'pipe', 'pipe', ...sockets.map((one) => one._handle.fd)] });
			for (const one of sockets)
				one.close();		// ours; the server has them now
			await starting;
			for (const port of ports) {
				server.port = port;
				for (let i = 0; i < 4; i++)
					await server.answers();
			}
			await stopCleanly(server);
		});
});

// --- TLS ---

function certificate(server, name) {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
		`/CN=${name}`, '-keyout', server.file(`${name}.key`), '-out', server.file(`${name}.crt`)], { stdio: 'ignore' });
}

const overTls = { connect: tls.connect, rejectUnauthorized: false };
const subject = (wire) => new X509Certificate(wire.socket.getPeerCertificate().raw).subject;

async function startSecure(push) {
	const server = new PushServer({ push: { echo_path: '/echo', max_message_kb: 1024, ...push } });
	certificate(server, 'one');
	certificate(server, 'two');
	for (const end of ['crt', 'key'])
		fs.copyFileSync(server.file(`one.${end}`), server.file(`now.${end}`));
	Object.assign(server.sections.push, { tls_cert: server.file('now.crt'), tls_key: server.file('now.key') });
	server.writeConfig();
	return server.start();
}

describe('TLS', parallel, () => {
	test('everything works over it, in pieces and at once', async () => {
		const server = await startSecure();
		const wire = await server.open('/echo', {}, overTls);
		assert.match(wire.socket.getProtocol(), /TLSv1\.[23]/);
		for (const length of [0, 1, 125, 126, 16384, 16385, 65536, 1 << 20]) {
			const data = Buffer.alloc(length, length & 0xff);
			wire.send(frame(BINARY, data));
			assert.ok((await wire.frame()).payload.equals(data));
		}
		for (let i = 0; i < 50; i++)
			wire.send(frame(TEXT, `message ${i}`), frame(PING, `${i}`));
		for (let i = 0; i < 50; i++) {
			assert.equal((await wire.frame()).payload.toString(), `message ${i}`);
			assert.equal((await wire.frame()).payload.toString(), `${i}`);
		}
		const chopped = await server.connect(overTls);
		await chopped.sendChopped(Buffer.from(request('/echo')), 10);
		assert.equal((await chopped.answer()).status, 101);
		wire.send(closeFrame(1000));
		assert.equal(await wire.closeCode(), 1000);
		assert.equal(await wire.end(), 'fin');
		const ws = new WebSocket(`wss://127.0.0.1:${server.port}/echo`, { rejectUnauthorized: false });
		await once(ws, 'open');
		ws.send('微信'.repeat(1000));
		assert.equal(String((await once(ws, 'message'))[0]), '微信'.repeat(1000));
		ws.close();
		await once(ws, 'close');
		await stopCleanly(server);
	});
	test('plain bytes, silence and old versions end, and nothing else does', async () => {
		const server = await startSecure({ handshake_s: 1 });
		const good = await server.open('/echo', {}, overTls);
		const plain = await server.connect(), silent = await server.connect(), half = await server.connect();
		plain.send(request('/echo'));
		half.send(Buffer.from('1603010200010001fc0303', 'hex'));
		for (const wire of [plain, silent, half])
			assert.match(await wire.end(), /fin|ECONNRESET/);
		await assert.rejects(server.connect({ ...overTls, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }));
		good.send(frame(TEXT, 'x'));
		assert.equal((await good.frame()).payload.toString(), 'x');
		await stopCleanly(server);
	});
	test('a renewed certificate is taken at SIGHUP, and a broken one is not', async () => {
		const server = await startSecure();
		const old = await server.open('/echo', {}, overTls);
		assert.equal(subject(old), 'CN=one');
		for (const end of ['crt', 'key'])
			fs.copyFileSync(server.file(`two.${end}`), server.file(`now.${end}`));
		server.program.child.kill('SIGHUP');
		await server.program.line(/reload done=yes/);
		const fresh = await server.open('/echo', {}, overTls);
		assert.equal(subject(fresh), 'CN=two');
		fs.writeFileSync(server.file('now.crt'), 'not a certificate');
		server.program.child.kill('SIGHUP');
		await server.program.line(/reload why=/);
		assert.equal(subject(await server.open('/echo', {}, overTls)), 'CN=two');
		for (const wire of [old, fresh]) {
			wire.send(frame(TEXT, 'x'));
			assert.equal((await wire.frame()).payload.toString(), 'x');
		}
		await stopCleanly(server);
	});
	test('a certificate that cannot be used stops the start, with a word on what is needed', async () => {
		const server = new PushServer({});
		certificate(server, 'one');
		certificate(server, 'two');
		Object.assign(server.sections.push, { tls_cert: server.file('one.crt'), tls_key: server.file('two.key') });
		server.writeConfig();
		await assert.rejects(server.start(), /\.conf:\d+: tls_key: .*two\.key: .*private key/);
		assert.equal((await server.program.exited).code, 2);
		await server.stop();
	});
});

// --- stopping, and handing over ---

describe('SIGTERM', parallel, () => {
	test('closes everybody with 1012, not all at once, and ends with 0', async () => {
		const server = await startPushServer({ push: { drain_s: 2 } });
		const session = await server.login('甲');
		const wires = await Promise.all(Array.from({ length: 30 }, (_, i) => i % 2 ? server.open('/echo') : server.join(session)));
		server.program.child.kill('SIGTERM');
		const ticks = new Set();
		await Promise.all(wires.map(async (wire) => {
			assert.equal(await wire.closeCode(), 1012);
			ticks.add(Math.floor(Date.now() / 100));
			wire.send(closeFrame(1012));
			assert.equal(await wire.end(), 'fin');
			wire.destroy();
		}));
		assert.ok(ticks.size >= 4, `${ticks.size} moments`);
		assert.deepEqual(await server.program.exited, { code: 0, signal: null });
		await server.stop();
	});
	test('does not wait for those who do not answer', async () => {
		const server = await startPushServer({ push: { drain_s: 0 } });
		const deaf = await server.open('/echo'), halfway = await server.connect();
		deaf.socket.pause();
		halfway.send('GET /echo HTT');
		server.program.child.kill('SIGTERM');
		assert.deepEqual(await server.program.exited, { code: 0, signal: null });
		await server.stop();
	});
});

// A client as a careful app writes it: what is not acknowledged is sent again under its cid, what was missed is asked for.
class Talker {
	constructor(server, session, name) {
		Object.assign(this, { server, session, name, heard: [], waiting: new Map(), count: 0, last: 0, epoch: '', quiet: false });
		this.running = this.run();
	}

	async run() {
		while (!this.quiet || this.waiting.size) {
			const since = this.epoch ? `&since=${this.last}&epoch=${this.epoch}` : '';
			const wire = await this.server.open(`/ws?room=r&${this.session.query}${since}`);
			try {
				await this.talk(wire);
			} catch (error) {
				if (!/closed: 1012|ended|ECONN/.test(error.message))
					throw error;
			}
			wire.destroy();
		}
	}

	async talk(wire) {
		for (;;) {
			const got = await wire.json();
			if (got.event === 'welcome') {
				assert.ok(!this.epoch || got.recovered === true, JSON.stringify(got));
				this.epoch = got.epoch;
				for (const [cid, text] of this.waiting)
					wire.send(say(text, cid));
				if (this.waiting.size === 0)
					this.say(wire);
			} else if (got.type === 'user' || got.type === 'remote') {
				if (got.id > this.last) {
					assert.equal(got.id, this.last + 1, 'no gap');
					this.last = got.id;
					this.heard.push(got.content);
				}
				if (this.waiting.delete(got.cid) && !this.quiet)
					this.say(wire);
				if (this.quiet && this.waiting.size === 0)
					return;
			} else {
				assert.notEqual(got.event, 'gap');
			}
		}
	}

	say(wire) {
		const text = `${this.name} ${++this.count}`;
		this.waiting.set(text, text);
		wire.send(say(text, text));
	}
}

describe('SIGUSR2', parallel, () => {
	test('a successor takes over under a storm: none refused or reset, no message lost or doubled', async () => {
		const server = await startPushServer({ push: { drain_s: 1, rate: 0 } });
		const sessions = await Promise.all(['甲', '乙', '丙'].map((user) => server.login(user)));
		const talkers = sessions.map((session, i) => new Talker(server, session, `t${i}`));
		let storming = true, attempts = 0;
		const storm = Array.from({ length: 16 }, async () => {
			while (storming) {
				const wire = await server.open('/echo');	// throws when refused or reset
				attempts++;
				wire.send(closeFrame(1000));
				const code = await wire.closeCode();
				assert.ok(code === 1000 || code === 1012, `closed with ${code}`);
				assert.equal(await wire.end(), 'fin');
				wire.destroy();
				server.wires.delete(wire);
			}
		});
		const guard = Promise.all([...storm, ...talkers.map((one) => one.running)]);
		guard.catch(() => {});
		let pid = server.program.child.pid;
		for (let round = 0; round < 2; round++) {
			const marks = talkers.map((one) => one.last + 5), from = attempts;
			await Promise.race([guard, eventually(() => talkers.every((one, i) => one.last >= marks[i]) && attempts >= from + 50)]);
			process.kill(pid, 'SIGUSR2');
			const successors = () => server.program.lines.map((line) => line.match(/takeover .*successor=(\d+)/)).filter(Boolean);
			await Promise.race([guard, eventually(() => successors().length > round)]);
			pid = Number(successors()[round][1]);
			await Promise.race([guard, eventually(() => server.program.lines.filter((line) => / stopped .*ran_s=/.test(line)).length > round)]);
		}
		const marks = talkers.map((one) => one.last + 5), from = attempts;
		await Promise.race([guard, eventually(() => talkers.every((one, i) => one.last >= marks[i]) && attempts >= from + 50)]);
		storming = false;
		talkers.forEach((one) => { one.quiet = true; });
		await guard;
		const longest = Math.min(...talkers.map((one) => one.heard.length));
		for (const one of talkers) {
			assert.equal(new Set(one.heard).size, one.heard.length, 'nothing twice');
			assert.deepEqual(one.heard.slice(0, longest), talkers[0].heard.slice(0, longest), 'one order for all');
			for (const other of talkers) {
				const own = other.heard.filter((text) => text.startsWith(`${other.name} `));
				assert.deepEqual(own, Array.from({ length: other.count }, (_, i) => `${other.name} ${i + 1}`), 'nothing lost');
			}
		}
		process.kill(pid, 'SIGTERM');
		await server.program.exited;
		assert.doesNotMatch(server.program.text(), /Sanitizer|runtime error/);
		await server.stop();
	});
	test('what a successor stores is its own: its predecessor, when it ends, takes nothing back', async () => {
		const server = await startPushServer({ push: { drain_s: 2, rate: 0 } });
		const { id, skey } = await server.login('甲'), clients = [];
		const lines = (pattern) => server.program.lines.filter((line) => pattern.test(line)).length;
		const join = async () => {
			const client = new Client(`ws://127.0.0.1:${server.port}/ws?${new URLSearchParams({ room: 'r', 'X-WX-Id': id, 'X-WX-Skey': skey })}`);
			clients.push(client);
			await client.event('welcome');
			return client;
		};
		let { pid } = server.program.child, kept = 0;
		try {
			for (let round = 0; round < 2; round++) {
				await (await join()).say('this connection drains for a while');
				process.kill(pid, 'SIGUSR2');
				await eventually(() => lines(/ ready /) === round + 2);
				assert.equal(lines(/ stopped .*ran_s=/), round);
				pid = Number(server.program.lines.findLast((line) => /successor=/.test(line)).match(/successor=(\d+)/)[1]);
				const client = await join();
				for (let i = 0; i < 20; i++)
					kept = (await client.say(`kept ${i}`)).id;
				await eventually(() => lines(/ stopped .*ran_s=/) === round + 1);
			}
			const client = await join();
			for (let i = 0; i < 150; i++)
				await client.ask({ op: 'recall', id: (await client.say('to be recalled')).id });
			const { messages } = await client.ask({ op: 'history', limit: 100, before: kept + 1 });
			assert.equal(messages.length, kept);
			assert.deepEqual(messages.filter((message) => message.recalled), []);
		} finally {
			clients.forEach((client) => client.socket.terminate());
			process.kill(pid, 'SIGTERM');
			await server.program.exited;
			await server.stop();
		}
	});
	test('a successor that cannot start changes nothing', async () => {
		const server = await startPushServer();
		const wire = await server.open('/echo');
		fs.appendFileSync(server.configFile, '\nnonsense = 1\n');
		server.program.child.kill('SIGUSR2');
		await server.program.line(/takeover why="the new process did not become ready/);
		wire.send(frame(TEXT, 'x'));
		assert.equal((await wire.frame()).payload.toString(), 'x');
		await server.answers();
		await stopCleanly(server);
	});
});
