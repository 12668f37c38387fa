// What a client has heard is so: wherever it asks next, it finds a server that knows.  The server is held up after each write,
// so that the client is the faster one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preload, skip } from './lib/fault.mjs';
import { Person, startOperated } from './lib/operator.mjs';

const rooms = Array.from({ length: 12 }, (_, i) => `room${i}`);	// with homes on both workers

async function start(t) {
	const sys = await startOperated({ env: preload(t, 'lingering').env });
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
