// A disk that takes nothing more: the sender is told, nobody is shown what was not stored, the server goes on, and is well
// again when there is room.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { newRoom, startChat } from './lib/chat.mjs';
import { preload, skip } from './lib/fault.mjs';
import { Person, metricSum, readMetrics, startOperated, token } from './lib/operator.mjs';

let chat;
before(async () => {
	chat = await startChat();
});
after(() => chat?.stop());

// The largest file that the running server may write.
function limit(bytes) {
	execFileSync('prlimit', [`--pid=${chat.sys.pushProgram.child.pid}`, `--fsize=${bytes}:unlimited`]);
}

test('what cannot be stored is refused with ERR_STORE and shown to nobody; afterwards all is well', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	await ming.say('fits');
	const size = fs.statSync(chat.sys.file('history', 'data.mdb')).size;
	limit(Math.min(size, 64 << 10));
	const refused = [];
	let stored = 1;
	for (let i = 0; i < 40; i++) {
		const answer = await ming.ask({ content: `full ${i}`.padEnd(8000, 'x'), text: true });
		if (answer.event === 'refused')
			refused.push(answer);
		else
			stored++;
	}
	assert.ok(refused.length > 0, 'the limit was never reached');
	for (const answer of refused) {
		assert.equal(answer.reason, 'ERR_STORE');
		assert.equal(typeof answer.num, 'number');
		assert.ok(!('error' in answer));
	}
	assert.equal((await ming.ask({ op: 'ping' })).event, 'pong');
	assert.equal((await hong.ask({ op: 'history' })).event, 'history', 'reading goes on');
	assert.equal((await hong.ask({ op: 'members' })).members.length, 2);
	assert.match(chat.sys.pushProgram.text(), /error.*(history-not-stored|mdb)/i);

	limit('unlimited');
	const again = await ming.ask({ content: 'again', text: true });
	assert.equal(again.type, 'user', JSON.stringify(again));
	assert.equal(again.id, stored + 1, 'what was refused took no number');
	await hong.hear((o) => o.content === 'again');
	assert.deepEqual(hong.ids, Array.from({ length: stored + 1 }, (_, i) => i + 1));
	assert.equal(hong.messages.filter((o) => o.content.startsWith('full')).length, 40 - refused.length);

	// the same cid, refused before, is no resend now
	const { cid } = refused[0];
	ming.send({ content: 'second try', cid });
	assert.equal((await ming.hear((o) => o.cid === cid && o.type === 'user')).id, stored + 2);
	await chat.crash();
	const back = await chat.join('小红', room, { since: 0 });
	await back.hear((o) => o.id === stored + 2);
	assert.equal(back.welcome.recovered, true);
	assert.deepEqual(back.ids, Array.from({ length: stored + 2 }, (_, i) => i + 1));
});

// Stalls the disk of programs that are started with env while the file is there; they say "stalled".
function stalling(t) {
	const { dir, env } = preload(t, 'stalling'), file = path.join(dir, 'stall');
	return { file, env: { ...env, STALLING_FILE: file } };
}

test('a stop gives up an operator’s call that the disk holds up, and ends as it should', { skip }, async (t) => {
	const { file, env } = stalling(t);
	const sys = await startOperated({ login: null, web: null, env });
	t.after(() => sys.stop());
	await sys.api('publish', { room: 'r', text: 'stored' });
	fs.writeFileSync(file, '');
	const answer = sys.api('publish', { room: 'r', text: 'slow' }).catch((error) => error);
	await sys.pushProgram.line(/^stalled$/);
	sys.pushProgram.child.kill('SIGTERM');
	await sys.pushProgram.line(/admin-abandoned calls=1/);
	fs.rmSync(file);
	assert.deepEqual(await sys.pushProgram.exited, { code: 0, signal: null });
	assert.ok(await answer instanceof Error);
});

test('a stop does not wait until all who came back lately have been noted', { skip }, async (t) => {
	const { file, env } = stalling(t), room = '@club';
	const sys = await startOperated({ env, config: { notify: { template_id: 'TEMPLATE' } } });
	t.after(() => sys.stop());
	const figure = async (name) => {
		const answer = await fetch(`${sys.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
		return metricSum(readMetrics(await answer.text()), name);
	};
	const sent = async (count) => {
		while (await figure('wxchat_notices_sent_total') < count || await figure('wxchat_notices_waiting') > 0)
			;
		assert.equal(await figure('wxchat_notices_sent_total'), count);
	};
	const people = [];
	for (const name of ['a', 'b', 'c', 'speaker']) {
		const session = await sys.login(name);
		await sys.api('enroll', { room, uid: session.uid });
		people.push(await Person.join(sys, name, room, { session }));
	}
	const speaker = people.pop();
	for (const p of people) {
		for (let i = 0; i < 2; i++)
			assert.notEqual((await p.ask({ op: 'consent', template: 'TEMPLATE', room })).event, 'refused');
		await p.leave();
	}
	for (const name of ['a', 'b', 'c', 'a', 'b', 'c'])
		await sys.wx('subscribe', name, { tmplIds: ['TEMPLATE'] });
	await speaker.hear((m) => m.event === 'leave' && m.num === 1);
	await speaker.say('all three are told');
	await sent(3);
	fs.writeFileSync(file, '');
	for (const p of people)
		await Person.join(sys, null, room, { session: p.session });
	await sys.pushProgram.line(/^stalled$/);
	assert.equal(await figure('wxchat_notices_waiting'), 3);
	sys.pushProgram.child.kill('SIGTERM');
	while (await fetch(sys.admin).then(() => true, () => false))	/* that ends just before */
		;
	fs.rmSync(file);
	assert.deepEqual(await sys.pushProgram.exited, { code: 0, signal: null });

	await sys.startPush();
	await sys.findAdmin();
	const again = await Person.join(sys, null, room, { session: speaker.session });
	await again.say('the first has been noted, the others were left');
	await sent(1);
});
