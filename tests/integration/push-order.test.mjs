// What a client has heard is so: wherever it asks next, it finds a server that knows.  The server is held up after each write,
// and before it reads its mail, so that the client is the faster one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preload, skip } from './lib/fault.mjs';
import { Person, startOperated } from './lib/operator.mjs';

const rooms = Array.from({ length: 12 }, (_, i) => `room${i}`);	// with homes on both workers

async function start(t) {
	const sys = await startOperated({ env: preload(t, 'lingering').env, config: { push: { rate: 0 } } });
	t.after(() => sys.stop());
	const there = async (room) => (await sys.api(`members?room=${room}`)).members.map((m) => m.uid);
	return { sys, there };
}

test('who hears that it was put out is in no list', { skip }, async (t) => {
	const { sys, there } = await start(t);
	for (const room of rooms) {
		const joe = await Person.join(sys, 'joe', room);
		await sys.api('kick', { room, uid: joe.uid });
		await joe.hear((m) => m.event === 'kicked');
		assert.deepEqual(await there(room), [], room);
		await joe.leave();
	}
});

test('when the operator hears that somebody was put out, it is done', { skip }, async (t) => {
	const { sys, there } = await start(t);
	for (const how of ['kick', 'kick everywhere', 'disconnect', 'ban', 'dismiss'])
		for (let i = 0; i < 4; i++) {
			const room = `@${how}${i}`.replace(/ /g, '-');
			const session = await sys.login(how), { uid } = session;
			await sys.api('enroll', { room, uid });
			const joe = await Person.join(sys, how, room, { session });
			if (how === 'kick everywhere')
				await sys.api('kick', { uid });
			else
				await sys.api(how, { uid, ...((how === 'kick' || how === 'dismiss') && { room }) });
			assert.deepEqual(await there(room), [], room);
			if (how === 'ban')
				await sys.api('unban', { uid });
			await joe.leave();
		}
});

test('when a moderator hears that somebody was put out, it is done', { skip }, async (t) => {
	const { sys } = await start(t);
	const mod = await Person.join(sys, 'mod', 'hall');
	await sys.api('moderator', { uid: mod.uid });
	for (const room of rooms) {
		const joe = await Person.join(sys, 'joe', room);
		await mod.ask({ op: 'join', room });
		assert.equal((await mod.ask({ op: 'kick', room, uid: joe.uid })).event, 'kicked');
		assert.deepEqual((await mod.ask({ op: 'members', room })).members.map((m) => m.uid), [mod.uid], room);
		await joe.leave();
		await mod.ask({ op: 'leave', room });
	}
	await mod.leave();
});

test('who hears a welcome, or that it has left, is on the list, or is not', { skip }, async (t) => {
	const { sys, there } = await start(t);
	const ann = await Person.join(sys, 'ann', 'hall');
	for (const room of rooms) {
		await ann.ask({ op: 'join', room });
		assert.deepEqual(await there(room), [ann.uid], room);
		await ann.ask({ op: 'leave', room });
		assert.deepEqual(await there(room), [], room);
	}
	await ann.leave();
});

test('who hears a message finds it in the history, and a recalled one recalled', { skip }, async (t) => {
	const { sys } = await start(t);
	for (const room of rooms) {
		const bea = await Person.join(sys, 'bea', room), dan = await Person.join(sys, 'dan', room);
		bea.send({ text: true, content: room });
		const { id } = await dan.hear((m) => m.content === room);
		const last = async () => (await sys.api(`history?room=${room}`)).messages.at(-1);
		assert.equal((await last()).content, room);
		bea.send({ op: 'recall', id });
		await dan.hear((m) => m.event === 'recall');
		assert.equal((await last()).recalled, true, room);
		await Promise.all([bea.leave(), dan.leave()]);
	}
});
