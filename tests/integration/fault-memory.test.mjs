// Every allocation may fail: the n-th after arming, for every n, while a client shakes hands, joins, speaks, is heard and asks.
// That client may be lost; the server, and who else is there, may not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createRequire } from 'node:module';
import { preload, skip } from './lib/fault.mjs';
import { startSystem } from './lib/system.mjs';

const WebSocket = createRequire(new URL('../package.json', import.meta.url))('ws');
const most = 2000;	// allocations of one round: far more than there are

const url = (sys, s, room) => `ws://127.0.0.1:${sys.pushPort}/ws?` +
	new URLSearchParams({ 'X-WX-Id': s.id, 'X-WX-Skey': s.skey, room });

// What one client does; ends when it has been answered or when the server gave it up, at the latest after `ms`.
function round(sys, session, ms) {
	return new Promise((resolve) => {
		const socket = new WebSocket(url(sys, session, 'faults'), { perMessageDeflate: true });
		const late = setTimeout(() => socket.terminate(), ms);
		let heard = false, asked = false;
		socket.on('error', () => {});
		socket.on('close', () => {
			clearTimeout(late);
			resolve(heard);
		});
		socket.on('open', () => {
			socket.send(JSON.stringify({ text: true, content: 'x'.repeat(700), cid: `${Math.random()}` }));
			socket.send(JSON.stringify({ op: 'join', room: 'another', cid: 'j' }));
			socket.send(JSON.stringify({ op: 'members', cid: 'm' }));
			socket.send(Buffer.from('bytes'));
			socket.send(JSON.stringify({ op: 'history', limit: 3, cid: 'end' }));
		});
		socket.on('message', (data, isBinary) => {
			const m = isBinary ? {} : JSON.parse(data);
			heard ||= m.type === 'user';
			asked ||= m.cid === 'end';
			if (heard && asked)
				socket.close();
		});
	});
}

test('the n-th allocation fails, for every n: the server goes on', { skip }, async (t) => {
	const { dir, env } = preload(t, 'failing'), file = path.join(dir, 'left');
	fs.writeFileSync(file, Buffer.alloc(8));
	const shared = fs.openSync(file, 'r+');
	const arm = (n) => {
		const bytes = Buffer.alloc(8);
		bytes.writeBigInt64LE(BigInt(n));
		fs.writeSync(shared, bytes, 0, 8, 0);
	};
	const left = () => {
		const bytes = Buffer.alloc(8);
		fs.readSync(shared, bytes, 0, 8, 0);
		return Number(bytes.readBigInt64LE());
	};
	const sys = await startSystem({ push: false, config: { push: { rate: 0, drain_s: 0, leave_grace_s: 0, workers: 2 } } });
	t.after(() => sys.stop());
	sys.options.env = { ...env, FAILING_FILE: file };
	await sys.startPush();
	const speaker = await sys.login('speaker'), bystander = await sys.login('bystander');

	assert.ok(await round(sys, speaker, 10000), 'all is well before');
	let n = 1;
	for (; n < most; n++) {
		arm(n);
		await round(sys, speaker, 400);
		const rest = left();
		arm(0);
		assert.equal(sys.pushProgram.ended, undefined, `allocation ${n} killed the server:\n${sys.pushProgram.text()}`);
		assert.ok(await round(sys, bystander, 10000), `after the failure of allocation ${n} others are served:\n${sys.pushProgram.text()}`);
		if (rest > 0)
			break;	/* a whole round needs fewer */
	}
	assert.ok(n > 20 && n < most, `${n} allocations were seen`);
	t.diagnostic(`${n - 1} allocations failed one by one`);
	const { code } = await sys.pushProgram.stop();
	assert.equal(code, 0);
});
