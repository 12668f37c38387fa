// Nothing is lost on a train: what was missed comes behind the welcome, in order, whole or said not to be.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newRoom, startChat } from './lib/chat.mjs';

let chat;
before(async () => {
	chat = await startChat({ push: { queue_kb: 64 } });
});
after(() => chat?.stop());

const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

// Fills the room with n messages of `size` bytes, and gives its writer.
async function fill(room, n, size = 1, on = chat) {
	const writer = await on.join('写手', room);
	for (let i = 1; i <= n; i++)
		writer.send({ text: true, content: `${i}`.padEnd(size, '.'), cid: `${room}.${i}` });
	await writer.hear((o) => o.id === n);
	return writer;
}

// Joins with since, and says what comes by itself until it has heard a message of its own.
async function resume(room, query, user = '小红', on = chat) {
	const client = await on.join(user, room, query), { id } = await client.say('marker');
	return { client, welcome: client.welcome, gap: client.heard.find((o) => o.event === 'gap'),
		ids: client.ids.filter((one) => one !== id), marker: id };
}

test('since replays what came after it, in order, exactly as it was told', async () => {
	const room = newRoom();
	const ming = await chat.join('小明', room), hong = await chat.join('小红', room);
	await ming.say('one');
	await hong.say('two', { extra: [1, { a: '😀' }] });
	await ming.say('three');
	await hong.hear((o) => o.id === 3);
	const back = await chat.join('小红', room, { since: 0 });
	await back.hear((o) => o.id === 3);
	assert.equal(back.welcome.recovered, true);
	assert.equal(back.welcome.id, 3);
	assert.equal(back.heard[0].event, 'welcome');
	assert.deepEqual(back.messages, hong.messages);
	assert.ok(!back.heard.some((o) => o.event === 'gap'));
});

test('since, in every place that it can stand', async () => {
	const room = newRoom();
	const writer = await fill(room, 10);
	const { epoch } = writer.welcome;
	let last = 10;
	for (const [query, ids, recovered, gap] of [
		[{}, [], false, false],
		[{ epoch }, [], false, false],
		[{ since: 0 }, range(1, 0), true, false, 'all'],
		[{ since: 4 }, null, true, false],
		[{ since: 4, epoch }, null, true, false],
		[{ since: 'last' }, [], true, false],
		[{ since: 'last', epoch }, [], true, false],
		[{ since: 'beyond' }, [], false, true],
		[{ since: '18446744073709551615' }, [], false, true],
		[{ since: 4, epoch: 'another' }, [], false, true],
		[{ since: 4, epoch: `${epoch}x` }, [], false, true],
		[{ since: 0, epoch: 'another' }, [], false, true],
	]) {
		const q = { ...query };
		if (q.since === 'last')
			q.since = last;
		if (q.since === 'beyond')
			q.since = last + 1;
		const got = await resume(room, q);
		const what = JSON.stringify(q);
		assert.equal(got.welcome.recovered, recovered, what);
		assert.equal(got.welcome.id, last, what);
		assert.equal(got.welcome.epoch, epoch, what);
		assert.equal(!!got.gap, gap, what);
		assert.deepEqual(got.ids, recovered ? range(Number(q.since) + 1, last) : ids, what);
		if (gap) {
			assert.equal(got.gap.type, 'system');
			assert.equal(typeof got.gap.num, 'number');
			assert.equal(got.gap.room, room);
			assert.equal(got.gap.first, last + 1, what);
			assert.equal(got.gap.id, last);
			assert.equal(got.gap.epoch, epoch);
			assert.equal(got.client.heard.indexOf(got.gap), 1, 'the gap stands right behind the welcome');
		}
		last++;
		await got.client.close();
	}
});

test('a since that is no number is refused, and the room joined all the same', async () => {
	const room = newRoom();
	await fill(room, 2);
	for (const since of ['x', '-1', '1x', ' 1', '1.5']) {
		const client = await chat.join('小红', room, { since });
		assert.equal((await client.event('refused')).reason, 'ERR_BAD_REQUEST', since);
		assert.equal(client.welcome.recovered, false);
		await client.close();
	}
	const client = await chat.join('小红', room, { since: '' });
	assert.equal(client.welcome.recovered, false);
});

test('500 are replayed; of more, the newest 500 behind a gap', async () => {
	const room = newRoom();
	await fill(room, 500);
	const whole = await resume(room, { since: 0 });
	assert.equal(whole.welcome.recovered, true);
	assert.deepEqual(whole.ids, range(1, 500));
	const short = await resume(room, { since: 0 });
	assert.equal(short.welcome.recovered, false);
	assert.deepEqual(short.ids, range(2, 501));
	assert.equal(short.gap.since, 0);
	assert.equal(short.gap.first, 2);
	assert.equal(short.gap.id, 501);
	const exact = await resume(room, { since: 2 });
	assert.equal(exact.welcome.recovered, true);
	assert.deepEqual(exact.ids, range(3, 502));
});

test('a long replay fits, however small the queue for slow readers is', async () => {
	const room = newRoom();
	const writer = await fill(room, 500, 8000);	// 4 MB against 64 KB
	const slow = chat.client({ room, since: 0 }, (await chat.session('小红')).headers);
	await slow.opened;
	slow.socket._socket.pause();
	// while it takes its time, the others talk
	for (let i = 0; i < 5; i++)
		await writer.say(`live ${i}`);
	slow.socket._socket.resume();
	await slow.hear((o) => o.content === 'live 4');
	assert.deepEqual(slow.ids.slice(-5), range(501, 505));
	assert.deepEqual(slow.ids, range(slow.ids[0], 505));
});

test('join replays in the same way', async () => {
	const room = newRoom(), elsewhere = newRoom();
	const writer = await fill(room, 5), { epoch } = writer.welcome;
	const hong = await chat.join('小红', elsewhere);
	const welcome = await hong.ask({ op: 'join', room, since: 2, epoch });
	assert.equal(welcome.event, 'welcome');
	assert.equal(welcome.recovered, true);
	await hong.hear((o) => o.id === 5);
	assert.deepEqual(hong.ids, [3, 4, 5]);
	const again = await hong.ask({ op: 'join', room, since: 4, epoch: 'other' });
	assert.equal(again.recovered, false);
	assert.equal((await hong.event('gap')).first, 6);
	assert.equal((await hong.ask({ op: 'join', room, since: '3' })).recovered, true);
});

test('between replay and live nothing is lost and nothing comes twice', async () => {
	const room = newRoom();
	const talkers = [await chat.join('甲', room), await chat.join('乙', room)];
	let talking = true, sent = 0;
	const talk = (async () => {
		while (talking) {
			for (const talker of talkers)
				for (let i = 0; i < 5; i++)
					talker.send({ content: `${sent++}` });
			await talkers[0].ask({ op: 'ping' });
			await Promise.all(talkers.map((t) => t.ask({ content: 'pace' })));
			sent += 2;
		}
	})();
	const clients = [];
	for (let i = 0; i < 40; i++) {
		const since = Math.max(0, (clients.at(-1)?.welcome.id ?? 0) - 3);
		clients.push(await chat.join(`客${i % 4}`, room, { since }));
	}
	talking = false;
	await talk;
	const { id: end } = await talkers[0].say('end');
	await Promise.all(clients.map((c) => c.hear((o) => o.content === 'end')));
	for (const client of clients) {
		assert.equal(client.welcome.recovered, true);
		assert.deepEqual(client.ids, range(client.ids[0], end));
		assert.ok(client.ids[0] <= client.welcome.id + 1);
	}
	assert.deepEqual(clients[0].ids, range(1, end));
});

test('history and resume go on over kill -9 and over a restart', async () => {
	const room = newRoom();
	const writer = await fill(room, 7), { epoch } = writer.welcome;
	await chat.crash();
	let got = await resume(room, { since: 3, epoch });
	assert.equal(got.welcome.recovered, true);
	assert.equal(got.welcome.epoch, epoch);
	assert.deepEqual(got.ids, [4, 5, 6, 7]);
	assert.equal(got.marker, 8);
	assert.deepEqual(await chat.sys.pushProgram.stop(), { code: 0, signal: null });
	assert.deepEqual([1001, 1012].includes((await got.client.closed).code), true);
	await chat.sys.startPush();
	got = await resume(room, { since: 3, epoch });
	assert.equal(got.welcome.recovered, true);
	assert.deepEqual(got.ids, [4, 5, 6, 7, 8]);
	assert.equal(got.marker, 9);
});

test('history pages backwards to the first message', async () => {
	const room = newRoom();
	const writer = await fill(room, 250);
	const hong = await chat.join('小红', room);
	await hong.say('mine');
	await writer.hear((o) => o.content === 'mine');
	const seen = [];
	let before, more = true, pages = 0;
	while (more) {
		const page = await hong.ask({ op: 'history', ...(before && { before }), limit: 100 });
		assert.equal(page.event, 'history');
		assert.equal(page.room, room);
		assert.ok(page.messages.length <= 100 && page.messages.length > 0);
		seen.unshift(...page.messages);
		before = seen[0].id;
		more = page.more;
		pages++;
	}
	assert.equal(pages, 3);
	assert.deepEqual(seen.map((o) => o.id), range(1, 251));
	assert.deepEqual(seen[250], hong.messages.at(-1), 'one’s own is of type user here, too');
	assert.ok(seen.slice(0, 250).every((o) => o.type === 'remote'));
	assert.deepEqual(seen[0], { ...writer.messages[0], type: 'remote' });

	const page = (request) => hong.ask({ op: 'history', ...request }).then((o) => [o.messages.map((m) => m.id), o.more]);
	assert.deepEqual(await page({ before: 1 }), [[], false]);
	assert.deepEqual(await page({ before: 0 }), [[], false]);
	assert.deepEqual(await page({ before: 3 }), [[1, 2], false]);
	assert.deepEqual(await page({ before: 10, limit: 3 }), [[7, 8, 9], true]);
	assert.deepEqual(await page({ before: 4, limit: 3 }), [[1, 2, 3], false]);
	assert.deepEqual(await page({ before: 100000, limit: 2 }), [[250, 251], true]);
	assert.deepEqual((await page({ limit: 1000 }))[0].length, 100, 'never more than 100');
	assert.deepEqual((await page({ limit: 1000, seconds: 1000 }))[0].length, 100, 'nor by what other operations take');
	const empty = await chat.join('小红', newRoom());
	const none = await empty.ask({ op: 'history' });
	assert.deepEqual([none.messages, none.more], [[], false]);
});

test('a page of history holds as much as queue_kb, and one message at least', async () => {
	const room = newRoom();
	await fill(room, 30, 8000);
	const hong = await chat.join('小红', room), ids = [];
	let before, more = true, pages = 0;
	for (; more; pages++) {
		const page = await hong.ask({ op: 'history', limit: 100, ...(before && { before }) });
		assert.ok(JSON.stringify(page).length <= 65 << 10);
		assert.ok(page.messages.length >= 7 || !page.more, `${page.messages.length} messages`);
		ids.unshift(...page.messages.map((m) => m.id));
		before = ids[0];
		more = page.more;
	}
	assert.deepEqual(ids, range(1, 30));
	assert.ok(pages <= 5, `${pages} pages`);
	const broad = await startChat({ push: { queue_kb: 16, max_message_kb: 1024 } });
	try {
		const writer = await fill('r', 3, 100000, broad);
		const page = await writer.ask({ op: 'history', limit: 100 });
		assert.deepEqual([page.messages.map((m) => m.id), page.more], [[3], true]);
		const last = await writer.ask({ op: 'history', limit: 100, before: 2 });
		assert.deepEqual([last.messages.map((m) => m.id), last.more], [[1], false]);
	} finally {
		await broad.stop();
	}
});

test('what is no longer kept is a gap, and the ids go on', async () => {
	const small = await startChat({ history: { per_room: 20 } });
	try {
		const writer = await fill('r', 50, 1, small), { epoch } = writer.welcome;
		let got = await resume('r', { since: 10, epoch }, '小红', small);
		assert.equal(got.welcome.recovered, false);
		assert.equal(got.gap.since, 10);
		assert.ok(got.gap.first > 11 && got.gap.first <= 31, `${got.gap.first}`);
		assert.deepEqual(got.ids, range(got.gap.first, 50));
		got = await resume('r', { since: 40 }, '小红', small);
		assert.equal(got.welcome.recovered, true);
		assert.deepEqual(got.ids, range(41, 51));
		const page = await got.client.ask({ op: 'history', limit: 100 });
		assert.equal(page.more, false);
		assert.deepEqual(page.messages.map((m) => m.id), range(page.messages[0].id, 52));
		assert.ok(page.messages.length >= 20 && page.messages.length <= 40);
		const none = await got.client.ask({ op: 'history', before: page.messages[0].id });
		assert.deepEqual([none.messages, none.more], [[], false]);
	} finally {
		await small.stop();
	}
});

test('while old messages give way to new ones all the time, none is missing untold', async () => {
	const kept = 20, joins = 500;
	const small = await startChat({ history: { per_room: kept } });
	try {
		const room = newRoom(), writer = await fill(room, 2 * kept, 1, small), client = await small.join('小红', room);
		let last = 2 * kept, isDone = false;
		writer.onHeard = (o) => {
			last = o.type === 'user' ? o.id : last;
			if (o.type === 'user' && !isDone)
				writer.send({ text: true, content: 'on and on' });
		};
		for (let i = 0; i < 8; i++)
			writer.send({ text: true, content: 'on' });
		for (let i = 0; i < joins; i++) {
			await client.ask({ op: 'leave', room });
			const since = i % 2 ? 0 : last - kept - 1;
			const welcome = await client.ask({ op: 'join', room, since }), at = client.heard.indexOf(welcome) + 1;
			await client.hear((o) => o.id > welcome.id && o.type === 'remote', at);
			const gap = client.heard.slice(at).find((o) => o.event === 'gap');
			assert.equal(welcome.recovered, !gap);
			const ids = client.heard.slice(at).filter((o) => o.type === 'remote').map((o) => o.id), from = gap ? gap.first : since + 1;
			assert.deepEqual(ids, range(from, from + ids.length - 1), `since ${since}, up to ${welcome.id}, ${JSON.stringify(gap)}`);
		}
		isDone = true;
	} finally {
		await small.stop();
	}
});

test('a history that was lost has another epoch, and its old ids are a gap', async () => {
	const other = await startChat();
	try {
		const writer = await fill('r', 5, 1, other), { epoch } = writer.welcome;
		await other.sys.pushProgram.stop();
		const fs = await import('node:fs');
		fs.rmSync(other.sys.file('history'), { recursive: true });
		await other.sys.startPush();
		const got = await resume('r', { since: 3, epoch }, '小红', other);
		assert.notEqual(got.welcome.epoch, epoch);
		assert.equal(got.welcome.recovered, false);
		assert.equal(got.welcome.id, 0);
		assert.deepEqual([got.gap.first, got.gap.id, got.gap.epoch], [1, 0, got.welcome.epoch]);
		assert.equal(got.marker, 1);
	} finally {
		await other.stop();
	}
});
