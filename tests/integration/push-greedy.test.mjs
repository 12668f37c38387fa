// Clients that want more than their part: what they cost is bounded, and what was promised to others arrives.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import tls from 'node:tls';
import { BINARY, CLOSE, PONG, PushServer, TEXT, closeFrame, frame, startPushServer, stopCleanly } from './lib/push.mjs';

test('before its session is known a client says little', async (t) => {
	const server = await startPushServer({ push: { max_message_kb: 1024 } });
	t.after(() => server.stop());
	const session = await server.login('甲');
	const target = '/socket.io/?EIO=4&transport=websocket';
	const large = await server.open(target);
	large.send(frame(TEXT, '40{"token":"', { fin: false }), frame(TEXT, 'x'.repeat(9000)));
	assert.equal(await large.closeCode(), 1009);

	const late = await server.open(target);
	late.send(frame(TEXT, `40${JSON.stringify({ token: session.both, room: 'r' })}`));
	for (let got = ''; !got.includes('welcome');)
		got = await late.message();
	late.send(frame(TEXT, `42${JSON.stringify(['message', { text: true, content: 'x'.repeat(20000) }])}`));
	for (let got = ''; !got.includes('xxx');)
		got = await late.message();
	await server.answers();
	await stopCleanly(server);
});

test('who asks and takes nothing is not read until it does', async (t) => {
	const server = await startPushServer({ push: { rate: 0 } });
	t.after(() => server.stop());
	const wire = await server.join(await server.login('甲'));
	wire.socket.pause();
	const pings = Buffer.concat(Array.from({ length: 10000 }, () => frame(9, 'p')));
	for (let i = 0; i < 20; i++)
		wire.socket.write(pings);
	await server.answers();
	wire.socket.resume();
	for (let count = 0; count < 200000; count++) {
		const { opcode, payload } = await wire.frame();
		if (opcode !== PONG || payload.toString() !== 'p')
			assert.fail(`${opcode} ${payload}`);
	}
	await stopCleanly(server);
});

test('a flood of empty frames goes at the pace of its slowest reader, and all of it arrives', async (t) => {
	const server = await startPushServer({ push: { rate: 0 } });
	t.after(() => server.stop());
	const [a, b] = await Promise.all([server.login('甲'), server.login('乙')]);
	const sender = await server.join(a, 'r'), reader = await server.join(b, 'r');
	const count = 100000;
	reader.socket.pause();
	sender.send(Buffer.concat(Array.from({ length: count }, () => frame(BINARY, ''))));
	sender.send(frame(TEXT, '{"content":"the end"}'));
	await server.answers();
	reader.socket.resume();
	let heard = 0;
	for (;;) {
		const { opcode, payload } = await reader.frame();
		assert.notEqual(opcode, CLOSE);
		if (opcode === BINARY)
			heard += payload.length === 0;
		else if (payload.includes('the end'))
			break;
	}
	assert.equal(heard, count);
	await stopCleanly(server);
});

test('a slow reader of small frames over TLS hears whole frames and then why it is closed', async (t) => {
	const server = new PushServer({ push: { echo_path: '/echo', queue_kb: 128, rate: 0 } });
	t.after(() => server.stop());
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
		'-subj', '/CN=localhost', '-keyout', server.file('key'), '-out', server.file('crt')], { stdio: 'ignore' });
	Object.assign(server.sections.push, { tls_cert: server.file('crt'), tls_key: server.file('key') });
	server.writeConfig();
	await server.start();
	const options = { connect: tls.connect, rejectUnauthorized: false };
	const [a, b] = await Promise.all([server.login('甲'), server.login('乙')]);
	const fast = await server.join(a, 'r', '', {}, options), slow = await server.join(b, 'r', '', {}, options);
	slow.socket.pause();
	for (let i = 0; i < 200; i++) {		// more than any kernel keeps for it, several frames a TLS record
		for (let k = 0; k < 20; k++)
			fast.send(frame(TEXT, JSON.stringify({ content: 'x'.repeat(3000) })));
		for (let k = 0; k < 20; k++)
			await fast.event('message');
	}
	slow.socket.resume();
	assert.equal(await slow.closeCode(), 4408);
	slow.send(closeFrame(4408));
	assert.equal(await slow.end(), 'fin');
	await server.answers(options);
	await stopCleanly(server);
});
