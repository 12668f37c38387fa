// What the chat promises about a message and about each request, to a client that knows the contract and nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, newRoom, startChat } from './lib/chat.mjs';
import { MAGIC } from './lib/system.mjs';

let chat;
before(async () => {
	chat = await startChat({ push: { max_rooms: 3 } });
});
after(() => chat?.stop());

test('a message is the fields of its client and those of the server, and nothing else', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const before_ms = Date.now();
	const own = await ming.ask({ text: true, content: '你好', extra: { deep: [1, 2.5, null, '"\\'] } });
	const other = await hong.hear((o) => o.type === 'remote');

	assert.deepEqual(Object.keys(own).sort(), ['avatarUrl', 'cid', 'content', 'extra', 'id', 'nickName', 'number', 'room',
		'text', 'time', 'type', 'uid']);
	assert.equal(own.type, 'user');
	assert.equal(own.id, 1);
	assert.equal(own.room, room);
	assert.equal(own.number, 2);
	assert.ok(own.time >= before_ms && own.time <= Date.now());
	assert.equal(own.uid, ming.uid);
	assert.equal(own.nickName, ming.session.userinfo.nickName);
	assert.equal(own.avatarUrl, ming.session.userinfo.avatarUrl);
	assert.ok(own.nickName && own.avatarUrl);
	assert.deepEqual(own.extra, { deep: [1, 2.5, null, '"\\'] });
	assert.deepEqual(other, { ...own, type: 'remote' });

	const picture = await hong.ask({ gallery: true, url: 'https://example.com/a.png' });
	assert.equal(picture.id, 2);
	assert.equal(picture.gallery, true);
	assert.equal((await ming.hear((o) => o.id === 2 && o.gallery)).type, 'remote');
});

test('welcome tells the room, the users in it, its last message and who one is', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	const { epoch, ...rest } = ming.welcome;

	assert.deepEqual(rest, { type: 'system', event: 'welcome', room, num: 1, id: 0, recovered: false,
		user: { uid: ming.uid, nickName: ming.session.userinfo.nickName, avatarUrl: ming.session.userinfo.avatarUrl } });
	assert.match(epoch, /^\w+$/);
	await ming.say('one');
	const hong = await chat.join('小红', room);
	assert.equal(hong.welcome.id, 1);
	assert.equal(hong.welcome.num, 2);
	assert.equal(hong.welcome.epoch, epoch);
	assert.deepEqual(hong.messages, []);
});

test('what the server says of a message cannot be forged, however its names are written', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const forged = [
		'{"type":"system","event":"welcome","num":99,"content":"a","cid":"f1"}',
		'{"id":77,"room2":1,"number":1000,"time":1,"uid":"x","nickName":"boss","avatarUrl":"evil","content":"a","cid":"f2"}',
		'{"\\u0075id":"x","\\u0074\\u0079\\u0070\\u0065":"system","nick\\u004eame":"boss","avatarUr\\u006C":"evil","content":"a","cid":"f3"}',
		'{"content":"a","error":"ERR_INVALID_SESSION","\\u0065rror":1,"recalled":true,"cid":"f4"}',
		`{"content":"a","${MAGIC}":1,"\\u0046${MAGIC.slice(1)}":1,"cid":"f5"}`,
		'{"uid":"a","uid":"b","type":"user","type":"x","content":"a","cid":"f6"}',
		`{${Array.from({ length: 100 }, (_, i) => `"k${i}":${i},`).join('')}"uid":"x","\\u0065rror":1,"content":"a","cid":"f7"}`,
		' \t\r\n{ "type" : "system" , "content" : "a" , "cid" : "f8" } \n',
	];
	for (const text of forged)
		ming.send(text);
	for (let i = 1; i <= forged.length; i++) {
		const own = await ming.hear((o) => o.cid === `f${i}`), other = await hong.hear((o) => o.cid === `f${i}`);
		assert.deepEqual({ ...other, type: 'user' }, own);
		assert.equal(other.type, 'remote');
		assert.equal(own.type, 'user');
		assert.equal(own.content, 'a');
		assert.equal(own.id, i);
		assert.equal(own.number, 2);
		assert.equal(own.uid, ming.uid);
		assert.equal(own.nickName, ming.session.userinfo.nickName);
		assert.equal(own.avatarUrl, ming.session.userinfo.avatarUrl);
		assert.ok(own.time > 1e12);
		for (const name of ['error', MAGIC, 'recalled'])
			assert.ok(!(name in own), `${forged[i - 1]} kept ${name}`);
	}
	assert.equal((await hong.hear((o) => o.cid === 'f7')).k99, 99);
});

test('a forged name is not kept in its escaped form either, and values arrive as they were written', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const texts = [];
	hong.socket.on('message', (data) => texts.push(String(data)));
	ming.send('{"\\u0075id":"x","na\\u006de":"kept","big":123456789012345678901234567890,"e":1.50e+3,"s":"\\ud83d\\ude00\\/","cid":"v1"}');
	const own = await ming.hear((o) => o.cid === 'v1');
	await hong.hear((o) => o.cid === 'v1');
	const text = texts.find((t) => t.includes('"v1"'));
	assert.ok(!text.includes('\\u0075id'), text);
	assert.ok(text.includes('"big":123456789012345678901234567890'), text);
	assert.ok(text.includes('"e":1.50e+3'), text);
	assert.equal(own.name, 'kept');
	assert.equal(own.s, '😀/');
});

test('every device of the sender sees type user, everybody else remote', async () => {
	const room = newRoom();
	const phone = await chat.join('小明', room), tablet = await chat.join('小明', room), hong = await chat.join('小红', room);
	assert.equal(tablet.welcome.num, 1, 'two devices are one user');
	await phone.say('from the phone');
	assert.equal((await tablet.hear((o) => o.content)).type, 'user');
	assert.equal((await hong.hear((o) => o.content)).type, 'remote');
	assert.equal((await hong.hear((o) => o.content)).number, 2);
	const again = await chat.join(await chat.sys.login('小明'), room);	// another session of the same user
	await again.say('from another session');
	assert.equal((await phone.hear((o) => o.id === 2)).type, 'user');
});

test('a cid that comes again is answered again, and shown once', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const first = await ming.ask({ content: 'once', text: true });
	const from = ming.heard.length;
	ming.send({ content: 'another text under the same cid', text: true, cid: first.cid });
	const again = await ming.hear((o) => o.cid === first.cid, from);
	assert.deepEqual(again, first);

	// the same user's other device, and after a restart
	const tablet = await chat.join('小明', room);
	tablet.send({ content: 'once', cid: first.cid });
	assert.deepEqual(await tablet.hear((o) => o.cid === first.cid), first);

	// another user's cid is another cid
	hong.send({ content: 'mine', cid: first.cid });
	assert.equal((await hong.hear((o) => o.type === 'user')).id, 2);
	await hong.say('end');
	await ming.hear((o) => o.content === 'end');
	assert.equal(hong.messages.filter((o) => o.id === 1).length, 1);
	assert.deepEqual(hong.ids, [1, 2, 3]);
});

test('a cid that comes again when its message is no longer kept is answered with what is known', async () => {
	const brief = await startChat({ history: { per_room: 0 } });
	try {
		const ming = await brief.join('小明', 'r');
		ming.send({ text: true, content: 'first', cid: 'c1' });
		const { text, content, ...known } = await ming.hear((o) => o.cid === 'c1');
		assert.deepEqual([text, content], [true, 'first']);
		await ming.say('second');
		assert.deepEqual((await ming.ask({ op: 'history' })).messages.map((m) => m.id), [2], 'the last one alone is kept');
		const from = ming.heard.length;
		ming.send({ text: true, content: 'first', cid: 'c1' });
		assert.deepEqual(await ming.hear((o) => o.cid === 'c1', from), known);
		assert.equal((await ming.say('third')).id, 3);
	} finally {
		await brief.stop();
	}
});

test('a cid twice in one write is one message, and order is kept for its sender', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	ming.socket._socket.cork();
	for (let i = 0; i < 30; i++)
		ming.send({ content: `${i >> 1}`, cid: `twice${i >> 1}` });
	ming.socket._socket.uncork();
	await ming.say('end');
	await hong.hear((o) => o.content === 'end');
	assert.deepEqual(hong.ids, Array.from({ length: 16 }, (_, i) => i + 1));
	// the sender hears each id for the first time in order: an answer never overtakes what was said before it
	const firsts = ming.ids.filter((id, i, all) => all.indexOf(id) === i);
	assert.deepEqual(firsts, Array.from({ length: 16 }, (_, i) => i + 1));
	for (let i = 0; i < 15; i++)
		assert.ok(ming.heard.filter((o) => o.cid === `twice${i}`).length === 2, `twice${i}`);
});

test('cids are remembered over a kill -9', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	const first = await ming.ask({ content: 'before' });
	await chat.crash();
	const back = await chat.join('小明', room, { since: 0 });
	back.send({ content: 'before', cid: first.cid });
	const from = (await back.hear((o) => o.id === 1), back.heard.length);
	assert.deepEqual(await back.hear((o) => o.cid === first.cid && o.type === 'user', Math.min(from, 2)), first);
	const next = await back.say('next');
	assert.equal(next.id, 2);
});

test('what is refused says why, with its cid, and the connection stays', async () => {
	const room = newRoom();
	const hong = await chat.join('小红', room), ming = await chat.join('小明', room);
	for (const text of ['[]', '5', '"x"', 'null', 'true', '', '{', '{"a":1', '{"a":1}}', '{"a":1} {"b":2}', '{a:1}', "{'a':1}",
		'{"a":01}', '{"a":1,}', '{"a":\u0001"x"}', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, '\ufeff{"a":1}', '{"a":"\\u12"}',
		'{"a\\u0000":1}', '{"a":NaN}']) {
		const from = ming.heard.length;
		ming.send(text);
		const said = await ming.hear(() => true, from);
		assert.equal(said.event, 'refused', `${text}: ${JSON.stringify(said)}`);
		assert.equal(said.type, 'system');
		assert.equal(said.reason, 'ERR_BAD_REQUEST');
		assert.equal(typeof said.message, 'string');
		assert.equal(said.num, 2);
		assert.ok(!('error' in said) && !(MAGIC in said));
	}
	for (const [text, words] of [[`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, /at most 16 deep/], ['{"a":{"\\u0000":1}}', /U\+0000/]]) {
		const from = ming.heard.length;
		ming.send(text);
		assert.match((await ming.hear(() => true, from)).message, words);
	}
	for (const bad of [{ cid: 5 }, { cid: 'x'.repeat(65) }, { cid: {} }, { cid: '\ud800' }, { cid: '\udc00' }, { cid: 'a\ufffd' }, { op: 5 }, { op: ['ping'] }, { room: 7 }, { room: '' }]) {
		const from = ming.heard.length;
		ming.send(bad);
		assert.equal((await ming.hear(() => true, from)).reason, 'ERR_BAD_REQUEST', JSON.stringify(bad));
	}
	assert.equal(await ming.refusal({ op: 'dance' }), 'ERR_BAD_REQUEST');
	assert.equal(await ming.refusal({ room: 'a\u0007b' }), 'ERR_BAD_REQUEST');
	assert.equal(await ming.refusal({ room: '长'.repeat(22) }), 'ERR_BAD_REQUEST');
	assert.equal(await ming.refusal({ room: 'elsewhere', content: 'x' }), 'ERR_FORBIDDEN');
	const longest = await ming.ask({ content: 'the longest cid', cid: undefined });
	assert.equal(longest.id, 1);
	const cid = 'c'.repeat(64);
	ming.send({ content: 'x', cid });
	assert.equal((await ming.hear((o) => o.cid === cid)).type, 'user');
	assert.equal((await ming.ask({})).id, 3, 'an empty object is a message');
	await hong.hear((o) => o.id === 3);
	assert.deepEqual(hong.ids, [1, 2, 3]);
});

test('a cid may hold anything that a string can', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	for (const cid of ['引号"', 'back\\slash', '\u2028', '😀', ' ', 'a/b']) {
		ming.send({ content: 'x', cid });
		const first = await ming.hear((o) => o.cid === cid), from = ming.heard.length;
		ming.send({ content: 'x', cid });
		assert.deepEqual(await ming.hear((o) => o.cid === cid, from), first);
		ming.send({ op: 'nothing', cid });
		assert.equal((await ming.hear((o) => o.cid === cid && o.event)).event, 'refused');
	}
	assert.deepEqual([...new Set(ming.ids)], [1, 2, 3, 4, 5, 6]);
});

test('each request is answered by an object with its cid, and num is in every system object', async () => {
	const room = newRoom(), other = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	const { id } = await ming.say('one');
	const answers = {
		ping: [{ op: 'ping' }, 'pong'], typing: [{ op: 'typing' }, 'typing'], read: [{ op: 'read', id }, 'read'],
		history: [{ op: 'history' }, 'history'], members: [{ op: 'members' }, 'members'],
		recall: [{ op: 'recall', id }, 'recalled'], join: [{ op: 'join', room: other }, 'welcome'],
		leave: [{ op: 'leave', room: other }, 'left'],
	};
	for (const [op, [request, event]] of Object.entries(answers)) {
		const answer = await ming.ask(request);
		assert.equal(answer.type, 'system', op);
		assert.equal(answer.event, event, op);
		assert.equal(typeof answer.num, 'number', op);
		assert.ok(!('error' in answer), op);
	}
	assert.ok(Math.abs((await ming.ask({ op: 'ping' })).time - Date.now()) < 60000);
	const members = (await ming.ask({ op: 'members' })).members;
	assert.deepEqual(members.map((m) => [m.uid, m.connections]).sort(), [[ming.uid, 1], [hong.uid, 1]].sort());
	assert.ok(members.every((m) => m.nickName && m.avatarUrl));
	for (const bad of [{ op: 'recall' }, { op: 'read' }, { op: 'read', id: -1 }, { op: 'read', id: 1.5 }, { op: 'history', before: 'x' },
		{ op: 'history', limit: 0 }, { op: 'join' }, { op: 'join', room: '' }, { op: 'join', room: 'x', since: -1 }])
		assert.equal(await ming.refusal(bad), 'ERR_BAD_REQUEST', JSON.stringify(bad));
	await ming.say('still here');
	// nobody who did not ask for events hears of them
	await hong.hear((o) => o.content === 'still here');
	assert.deepEqual([...new Set(hong.heard.filter((o) => o.event).map((o) => o.event))].sort(), ['welcome']);
});

test('a field of null is none', async () => {
	const ming = await chat.join('小明', newRoom());
	assert.equal((await ming.ask({ op: 'join', room: newRoom(), since: null, epoch: null })).event, 'welcome');
	assert.equal((await ming.ask({ op: 'history', room: null, before: null, limit: null })).event, 'history');
	ming.send({ text: true, content: 'without cid or room', cid: null, room: null });
	ming.send({ text: true, content: 'another', cid: null });
	const first = await ming.hear((o) => o.content === 'without cid or room' || o.event === 'refused');
	assert.equal(first.id, 1, JSON.stringify(first));
	assert.equal((await ming.hear((o) => o.content === 'another')).id, 2, 'no resend of the first');
	assert.equal(await ming.refusal({ op: 'recall', id: null }), 'ERR_BAD_REQUEST');
});

test('one connection in several rooms: each message names its room, and there is a limit', async () => {
	const [a, b, c, d] = [newRoom(), newRoom(), newRoom(), newRoom()];
	const ming = await chat.join('小明', a), hong = await chat.join('小红', b);
	assert.equal((await ming.ask({ op: 'join', room: b })).room, b);
	assert.equal((await ming.ask({ op: 'join', room: c })).event, 'welcome');
	const refused = await ming.ask({ op: 'join', room: d });
	assert.equal(refused.event, 'refused');
	assert.equal((await ming.ask({ op: 'join', room: b })).event, 'welcome', 'joining again is no further room');

	assert.equal((await ming.say('to b', { room: b })).room, b);
	assert.equal((await hong.hear((o) => o.content === 'to b')).room, b);
	assert.equal((await ming.say('to the first')).room, a);
	assert.equal((await ming.say('again to b', { room: b })).id, 2);
	await hong.say('back');
	assert.equal((await ming.hear((o) => o.content === 'back')).room, b);
	assert.ok(!hong.heard.some((o) => o.room !== b));

	assert.equal((await ming.ask({ op: 'leave', room: a })).event, 'left');
	assert.equal(await ming.refusal({ content: 'x', room: a }), 'ERR_FORBIDDEN');
	assert.equal((await ming.say('the first is now b')).room, b);
	assert.equal((await ming.ask({ op: 'join', room: d })).event, 'welcome', 'there is room again');
	for (const room of [b, c, d])
		await ming.ask({ op: 'leave', room });
	assert.equal(await ming.refusal({ content: 'nowhere' }), 'ERR_BAD_REQUEST');
	assert.equal((await ming.ask({ op: 'ping' })).event, 'pong');
	assert.equal((await ming.ask({ op: 'join', room: a })).id, 1);
	await ming.say('home');
});

test('a room has a name of 1 to 64 bytes without control characters; none means the lobby', async () => {
	const { headers } = await chat.session('小明');
	for (const room of ['x'.repeat(64), '大厅', 'a b&c=d%', '☃']) {
		const client = await chat.join('小明', room);
		assert.equal(client.welcome.room, room);
		assert.equal((await client.say('x')).room, room);
		await client.close();
	}
	const lobby = await chat.join('小明', undefined);
	assert.equal(lobby.welcome.room, 'lobby');
	for (const room of ['x'.repeat(65), 'a\nb', '长'.repeat(22)]) {
		const client = chat.client({ room }, headers);
		assert.equal((await client.event('refused')).reason, 'ERR_BAD_REQUEST');
		assert.equal((await client.ask({ op: 'join', room: newRoom() })).event, 'welcome', 'it may join another one');
	}
});

test('what is sent right behind the handshake, before the welcome, is taken', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room);
	const { headers } = await chat.session('小红');
	const hong = chat.client({ room }, headers);
	await hong.opened;
	hong.send({ content: 'early', cid: 'e1' });
	hong.send({ op: 'members', cid: 'e2' });
	hong.send({ content: 'early too', cid: 'e3' });
	const last = await hong.hear((o) => o.cid === 'e3');
	assert.equal(last.type, 'user');
	assert.equal(hong.heard[0].event, 'welcome');
	assert.equal((await hong.hear((o) => o.cid === 'e2')).members.length, 2);
	assert.deepEqual((await ming.hear((o) => o.content === 'early too')).id, 2);
	assert.deepEqual(ming.ids, [1, 2]);
});

test('an acknowledgement comes even to one who left the room right behind the message', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	ming.send({ content: 'last words', cid: 'w' });
	ming.send({ op: 'leave', cid: 'l' });
	assert.equal((await ming.hear((o) => o.cid === 'w')).type, 'user');
	await ming.hear((o) => o.cid === 'l');
	assert.equal((await hong.hear((o) => o.content)).content, 'last words');
	assert.equal(ming.messages.length, 1);
});

test('a new name or picture is on the next message', async () => {
	const room = newRoom();
	const user = '改名', ming = await chat.join(user, room), hong = await chat.join('小红', room, { events: 'all' });
	await ming.say('old');
	const answer = await chat.sys.call('POST', 'profile', { headers: ming.session.headers, json: { nickName: '新名字' } });
	assert.equal(answer.status, 200, answer.text);
	assert.equal((await ming.say('new')).nickName, '新名字');
	assert.equal((await hong.hear((o) => o.content === 'new')).nickName, '新名字');
	assert.equal((await hong.event('profile')).user.nickName, '新名字');
});

test('a message that is too big ends its connection with 1009, others go on', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	ming.send({ content: 'x'.repeat(17000) });
	assert.equal((await ming.closed).code, 1009);
	assert.equal((await hong.say('x'.repeat(16000))).content.length, 16000);
});

test('too many messages a second are refused, and count again later', async () => {
	const strict = await startChat({ push: { rate: '5/s' } });
	try {
		const ming = await strict.join('小明', 'r');
		for (let i = 0; i < 30; i++)
			ming.send({ content: `${i}`, cid: `r${i}` });
		const last = await ming.hear((o) => o.cid === 'r29');
		assert.equal(last.event, 'refused');
		assert.equal(last.reason, 'ERR_RATE_LIMITED');
		let answer;
		do {	// until there is a place again; pings are free
			for (let i = 0; i < 200; i++)
				await ming.ask({ op: 'ping' });
			answer = await ming.ask({ content: 'later' });
		} while (answer.event === 'refused');
		const shown = ming.ids.length;
		assert.ok(shown > 5 && shown < 21, `${shown} of 31`);
		assert.equal(answer.id, shown);
		assert.deepEqual(ming.ids, Array.from({ length: shown }, (_, i) => i + 1));
		for (let i = 0; i < 300; i++)	// who does not hear is closed
			ming.send({ content: `${i}` });
		assert.equal((await ming.closed).code, 4429);
	} finally {
		await strict.stop();
	}
});

test('no message of the server but a dead session has a truthy error', () => {
	for (const client of chat.clients)
		for (const object of client.heard)
			assert.ok(!object.error, JSON.stringify(object));
	assert.ok(chat.clients.every((client) => client instanceof Client));
});
