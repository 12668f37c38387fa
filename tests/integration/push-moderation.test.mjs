// Taking back, silencing, putting out; and rooms that are not for everybody.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { newRoom, startChat } from './lib/chat.mjs';
import { startOperated } from './lib/operator.mjs';

let chat, boss;
before(async () => {
	chat = await startChat({ start: startOperated });
	boss = await chat.session('版主');
});
after(() => chat?.stop());

const store = () => fs.readFileSync(chat.sys.file('history', 'data.mdb'));

test('one takes back one’s own message: its text is gone from history, replay and the file', async () => {
	const room = newRoom(), secret = 'words-that-must-not-stay-7f3a';
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room, { events: 'all' });
	const { id, uid, time } = await ming.say(secret, { extra: secret });
	await ming.say('stays');
	const recalled = await ming.ask({ op: 'recall', id });
	assert.deepEqual([recalled.event, recalled.id, recalled.room], ['recalled', id, room]);
	const told = await hong.event('recall');
	assert.deepEqual([told.id, told.user.uid, told.room], [id, ming.uid, room]);
	assert.ok(!store().includes(secret), 'the text is still in the file');
	const hole = { type: 'remote', id, room, time, uid, recalled: true, number: 0 };
	const { messages } = await hong.ask({ op: 'history' });
	assert.deepEqual(messages[0], hole);
	assert.equal(messages[1].content, 'stays');
	const back = await chat.join('小明', room, { since: 0 });
	await back.hear((o) => o.id === 2);
	assert.deepEqual(back.messages[0], { ...hole, type: 'user' });
	assert.equal(back.welcome.recovered, true);
	assert.equal((await ming.ask({ op: 'recall', id })).event, 'recalled', 'once more does no harm');
	await chat.crash();
	await chat.sys.findAdmin();
	assert.ok(!store().includes(secret));
	assert.deepEqual((await (await chat.join('小红', room)).ask({ op: 'history' })).messages[0], hole);
});

test('a resent message that was taken back does not come back', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	const { id, cid } = await ming.say('oops');
	await ming.ask({ op: 'recall', id });
	const from = ming.heard.length;
	ming.send({ text: true, content: 'oops', cid });
	const again = await ming.hear((o) => o.id === id, from);
	assert.deepEqual([again.recalled, again.cid], [true, cid], 'by its cid the client knows that it has arrived');
	assert.equal((await ming.say('next')).id, id + 1);
});

test('another’s message is not one’s to take back, nor one that never was', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const { id } = await ming.say('mine');
	assert.equal(await hong.refusal({ op: 'recall', id }), 'ERR_FORBIDDEN');
	assert.equal(await ming.refusal({ op: 'recall', id: 99 }), 'ERR_NOT_FOUND');
	assert.equal(await ming.refusal({ op: 'recall', id: 0 }), 'ERR_NOT_FOUND');
	assert.equal((await hong.ask({ op: 'history' })).messages[0].content, 'mine');
});

test('moderators take back, mute and put out; others may not', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), mod = await chat.join(boss, room, { events: 'all' });
	for (const request of [{ op: 'mute', uid: mod.uid }, { op: 'kick', uid: mod.uid }, { op: 'unmute', uid: mod.uid }])
		assert.equal(await ming.refusal(request), 'ERR_FORBIDDEN');
	assert.equal(await mod.refusal({ op: 'kick', uid: ming.uid }), 'ERR_FORBIDDEN');
	await chat.sys.api('moderator', { room, uid: mod.uid });

	const { id } = await ming.say('rude');
	assert.equal((await mod.ask({ op: 'recall', id })).event, 'recalled');

	const muted = await mod.ask({ op: 'mute', uid: ming.uid, seconds: 600 });
	assert.equal(muted.event, 'muted');
	assert.equal(await ming.refusal({ content: 'let me speak' }), 'ERR_MUTED');
	ming.socket.send(Buffer.from('nor by bytes'));
	assert.equal((await ming.hear((o) => o.reason === 'ERR_MUTED' && !o.cid)).event, 'refused');
	assert.equal((await ming.ask({ op: 'history' })).event, 'history', 'but listen it may');
	assert.equal((await mod.ask({ op: 'unmute', uid: ming.uid })).event, 'unmuted');
	await ming.say('thank you');
	await mod.ask({ op: 'mute', uid: ming.uid, seconds: 1 });
	let answer;
	do
		answer = await ming.ask({ content: 'again' });
	while (answer.reason === 'ERR_MUTED');
	assert.equal(answer.type, 'user');
	assert.deepEqual(mod.binary, []);
	for (const bad of [{ op: 'mute' }, { op: 'kick', uid: 'x' }, { op: 'kick', uid: 5 },
		...[-1, 1.5, 'x', null, 2 ** 31].map((seconds) => ({ op: 'mute', uid: ming.uid, seconds }))])
		assert.equal(await mod.refusal(bad), 'ERR_BAD_REQUEST');
});

test('who is put out is told so, others see a leave, and the connection stays', async () => {
	const room = newRoom(), other = newRoom();
	const ming = await chat.join('小明', room), all = await chat.join('小红', room, { events: 'all' }),
		mod = await chat.join(boss, room);
	await chat.sys.api('moderator', { room, uid: mod.uid });
	await ming.ask({ op: 'join', room: other });
	await mod.ask({ op: 'kick', uid: ming.uid });
	const told = await ming.event('refused');
	assert.deepEqual([told.reason, told.room], ['ERR_FORBIDDEN', room]);
	await mod.hear((o) => o.event === 'leave' && o.user?.uid === ming.uid);
	assert.equal(await ming.refusal({ room, content: 'x' }), 'ERR_FORBIDDEN');
	await ming.say('elsewhere', { room: other });
	await mod.say('calm');
	assert.ok(!ming.heard.some((o) => o.content === 'calm'));
	await mod.ask({ op: 'kick', uid: all.uid });
	assert.equal((await all.event('kicked')).room, room);
	assert.equal((await ming.ask({ op: 'join', room })).event, 'welcome');
});

test('a room whose name begins with @ lets in only who is enrolled', async () => {
	const room = newRoom('@club');
	const ming = await chat.session('小明');
	const outside = chat.client({ room }, ming.headers);
	assert.equal((await outside.event('refused')).reason, 'ERR_FORBIDDEN');
	assert.equal(outside.heard.length, 1);
	assert.equal(await outside.refusal({ op: 'join', room }), 'ERR_FORBIDDEN');
	assert.equal((await outside.ask({ op: 'join', room: newRoom() })).event, 'welcome');

	const { uid } = await chat.session('小红');
	await chat.sys.api('enroll', { room, uid });
	const hong = await chat.join('小红', room);
	await hong.say('inside');
	await chat.sys.api('enroll', { room, uid: ming.uid });
	assert.equal((await outside.ask({ op: 'join', room, since: 0 })).event, 'welcome');
	await outside.hear((o) => o.content === 'inside');
	await chat.sys.api('dismiss', { room, uid: ming.uid });
	const refused = await outside.hear((o) => o.event === 'refused' && o.room === room && !o.cid, 3);
	assert.equal(refused.reason, 'ERR_FORBIDDEN');
	await hong.say('among ourselves');
	await outside.ask({ op: 'ping' });
	assert.ok(!outside.heard.some((o) => o.content === 'among ourselves'));
});

test('who is not let in is not heard, not even right behind the handshake', async () => {
	const room = newRoom('@club');
	const { uid } = await chat.session('小红');
	await chat.sys.api('enroll', { room, uid });
	const hong = await chat.join('小红', room, { events: 'all' });
	const { headers } = await chat.session('小明');
	for (let i = 0; i < 3; i++) {
		const outside = chat.client({ room }, headers);
		await outside.opened;
		outside.socket.send(Buffer.from('let me in'));
		outside.send({ content: 'let me in', cid: 'a' });
		outside.send({ op: 'typing', cid: 'b' });
		outside.send({ op: 'members', cid: 'c' });
		outside.send({ op: 'history', cid: 'd' });
		outside.send({ op: 'recall', id: 1, cid: 'e' });
		for (const cid of ['a', 'b', 'c', 'd', 'e'])
			assert.equal((await outside.hear((o) => o.cid === cid)).event, 'refused', cid);
		if (i === 1)
			await outside.drop();
	}
	await hong.say('end');
	assert.deepEqual(hong.binary, []);
	assert.deepEqual(hong.heard.map((o) => o.event ?? o.content), ['welcome', 'end']);
	assert.equal((await hong.say('count')).number, 1);
});

test('who asks to be let in learns nothing by what it asks in the same breath', async () => {
	const room = newRoom('@club');
	const { uid } = await chat.session('小红');
	await chat.sys.api('enroll', { room, uid });
	const hong = await chat.join('小红', room, { events: 'all' });
	await hong.say('among ourselves');
	for (const op of ['history', 'members', 'typing', 'read', 'recall']) {
		const outside = await chat.join('小明', newRoom());
		outside.socket._socket.cork();		// so that the server reads both at once
		outside.send({ op: 'join', room, cid: 'a' });
		outside.send({ op, room, id: 1, cid: 'b' });
		outside.socket._socket.uncork();
		for (const cid of ['a', 'b'])
			assert.equal((await outside.hear((o) => o.cid === cid)).reason, 'ERR_FORBIDDEN', op);
		await outside.close();
	}
	await hong.say('end');
	assert.deepEqual(hong.heard.map((o) => o.event ?? o.content), ['welcome', 'among ourselves', 'end']);
});

test('a refused device does not make another one of the same user look gone', async () => {
	const room = newRoom('@club');
	const { uid, headers } = await chat.session('小红');
	await chat.sys.api('enroll', { room, uid });
	const { uid: other } = await chat.session('小明');
	await chat.sys.api('enroll', { room, uid: other });
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	for (let i = 0; i < 5; i++) {
		const brief = chat.client({ room }, headers);
		await brief.opened;
		await brief.drop();
	}
	assert.equal((await hong.say('still here')).number, 2);
	const { members } = await ming.ask({ op: 'members' });
	assert.deepEqual(members.map((m) => [m.uid, m.connections]).sort(), [[uid, 1], [other, 1]].sort());
});

test('a room for two admits exactly those two', async () => {
	const [a, b] = [await chat.session('小明'), await chat.session('小红')], room = `@dm:${a.uid}:${b.uid}`;
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	await ming.say('only you');
	await hong.hear((o) => o.content === 'only you');
	const { headers } = await chat.session('小华');
	for (const name of [room, '@dm:', `@dm:${a.uid}`, `@dm:${a.uid}:${b.uid}x`, `@dm:${a.uid}:`, '@', '@dm', '@DM:x'])
		assert.equal((await chat.client({ room: name }, headers).event('refused')).reason, 'ERR_FORBIDDEN', name);
	assert.equal((await chat.client({ room: `@dm:${b.uid}` }, a.headers).event('refused')).reason, 'ERR_FORBIDDEN');
});

test('the operator’s mute and kick reach live connections, too', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	await chat.sys.api('mute', { room, uid: ming.uid, seconds: 60 });
	assert.equal(await ming.refusal({ content: 'x' }), 'ERR_MUTED');
	await chat.sys.api('unmute', { room, uid: ming.uid });
	await ming.say('x');
	await chat.sys.api('kick', { room, uid: ming.uid });
	await ming.event('refused', ming.heard.length - 1);
	await chat.sys.api('disconnect', { uid: ming.uid });
	await ming.closed;
});
