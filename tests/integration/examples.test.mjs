// The PHP examples do what they say.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import net from 'node:net';
import { Person, startOperated } from './lib/operator.mjs';
import { freePort, root } from './lib/system.mjs';

const php = !spawnSync('php', ['-v']).error;
const examples = path.join(root, 'etc/examples');
let sys, server;
before(async () => {
	if (!php)
		return;
	const port = await freePort();
	server = spawn('php', ['-S', `127.0.0.1:${port}`, '-t', examples], { env: { ...process.env, WXCHAT_WEBHOOK_SECRET: 'from-the-test' }, stdio: ['ignore', 'ignore', 'pipe'] });
	server.said = '';
	server.stderr.on('data', (data) => { server.said += data; });
	while (!(await new Promise((resolve) => {
		const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
		socket.unref();
		socket.setTimeout(1000, () => socket.destroy());
	})))
		await new Promise((resolve) => setTimeout(resolve, 20));
	sys = await startOperated({ config: { webhook: { url: `http://127.0.0.1:${port}/webhook.php`, secret: 'from-the-test', message: 'on', events: 'join' } } });
});
after(async () => {
	await sys?.stop();
	server?.kill();
});

test('publish.php says something in a room, once for each cid', { skip: !php && 'no php here' }, async () => {
	const lin = await Person.join(sys, 'lin', 'lobby');
	const run = (...args) => promisify(execFile)('php', [path.join(examples, 'publish.php'), ...args],
		{ env: { ...process.env, WXCHAT_ADMIN_URL: sys.admin, WXCHAT_ADMIN_TOKEN_FILE: sys.tokenFile } });
	assert.equal((await run('lobby', '您的订单已发货/ok', 'order-1')).stdout, '1\n');
	assert.equal((await run('lobby', '您的订单已发货/ok', 'order-1')).stdout, '1\n');
	assert.equal((await lin.hear((m) => m.id === 1)).content, '您的订单已发货/ok');
	await assert.rejects(run('x'.repeat(65), 'text'), /ERR_BAD_REQUEST/);
	await lin.leave();
});

test('webhook.php hears events and refuses a message', { skip: !php && 'no php here' }, async () => {
	const ann = await Person.join(sys, 'ann', 'lobby');
	const refused = await ann.ask({ text: true, content: '请加微信 abc' });
	assert.deepEqual([refused.reason, refused.message], ['ERR_FORBIDDEN', '此处禁止广告']);
	assert.equal((await ann.ask({ text: true, content: 'fine' })).type, 'user');
	while (!server.said.includes(`chat: join in lobby ${ann.uid}`))
		await new Promise((resolve) => setTimeout(resolve, 50));
	const forged = await fetch(`${sys.config.webhook.url}`, { method: 'POST', body: '{"type":"events","events":[]}' });
	assert.equal(forged.status, 403);
	await ann.leave();
});
