// The Tunnel classes of both wafer SDKs, as their authors published them: connected through fcgi-login's tunnel route, in
// the same rooms as everybody else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { startChat } from './lib/chat.mjs';
import { Phone, freshRequire, promised } from './lib/wx.mjs';

let chat;
before(async () => {
	chat = await startChat({ push: { idle_s: 4, ping_s: 2 } });
});
after(() => chat?.stop());

// A phone with that SDK, logged in, its tunnel open; what the tunnel tells is kept and can be waited for.
class Demo {
	constructor(name, user) {
		this.phone = new Phone(chat.sys, user);
		this.heard = [];
		this.waiting = new Set();
		this.packets = [];
		globalThis.wx = this.phone.wx;
		const connect = this.phone.wx.connectSocket;
		this.phone.wx.connectSocket = (options) => {
			connect(options);
			this.phone.socket.on('message', (data) => this.packets.push(String(data)));
		};
		const send = this.phone.wx.sendSocketMessage;
		this.phone.wx.sendSocketMessage = (options) => {
			this.packets.push(`> ${options.data}`);
			send(options);
		};
		this.sdk = freshRequire(name);
		this.sdk.setLoginUrl(`${chat.sys.weapp}/login`);
	}

	async open(room) {
		globalThis.wx = this.phone.wx;
		await promised(this.sdk.login);
		this.tunnel = new this.sdk.Tunnel(`${chat.sys.weapp}/tunnel${room ? `?room=${room}` : ''}`);
		this.tunnel.on('*', (type, content) => {
			this.heard.push({ type, content });
			for (const look of this.waiting)
				look();
		});
		this.tunnel.open();
		await this.hear((e) => e.type === 'connect');
		return this;
	}

	hear(wanted, from = 0) {
		return new Promise((resolve) => {
			const look = () => {
				const found = this.heard.slice(from).find(wanted);
				if (found) {
					this.waiting.delete(look);
					resolve(found.content);
				}
			};
			this.waiting.add(look);
			look();
		});
	}
}

let rooms = 0;

for (const name of ['wafer-client-sdk', 'wafer2-client-sdk']) {
	test(`${name}: speaks and hears in the rooms of all the others`, async () => {
		const room = `tunnel${++rooms}`, json = await chat.join('小红', room, { events: 'all' });
		const demo = await new Demo(name, '小明').open(room);
		const me = await demo.hear((e) => e.type === 'people');
		assert.equal(me.total, 2);
		assert.ok(me.enter.openId && me.enter.nickName && me.enter.avatarUrl);
		const join = await json.event('join');
		assert.equal(join.user.nickName, me.enter.nickName);

		demo.tunnel.emit('speak', { word: '你好' });
		const heard = await json.hear((o) => o.text);
		assert.deepEqual([heard.type, heard.content, heard.uid], ['remote', '你好', join.user.uid]);
		const own = await demo.hear((e) => e.type === 'speak');
		assert.equal(own.word, '你好');
		assert.equal(own.who.openId, me.enter.openId, 'the demo knows its own words by openId');

		await json.say('收到：ok');
		const answer = await demo.hear((e) => e.type === 'speak' && e.content.word !== '你好');
		assert.equal(answer.word, '收到：ok');
		assert.equal(answer.who.nickName, json.welcome.user.nickName);
		assert.equal(answer.who.avatarUrl, json.welcome.user.avatarUrl);
		assert.notEqual(answer.who.openId, me.enter.openId);
		assert.notEqual(answer.who.openId, (await json.session).userinfo.openId, 'nobody learns the openid of another');

		const third = await chat.join('小华', room);
		assert.deepEqual((await demo.hear((e) => e.type === 'people' && e.content.total === 3)).enter.nickName,
			third.welcome.user.nickName);
		await third.close();
		assert.equal((await demo.hear((e) => e.type === 'people' && e.content.leave)).total, 2);

		await json.ask({ gallery: true, url: 'https://example.com/a.png' });
		assert.equal((await demo.hear((e) => e.type === 'message')).url, 'https://example.com/a.png');
		demo.tunnel.emit('speak', { word: '' });
		assert.equal((await json.hear((o) => o.content === '')).text, true);
		assert.ok(!demo.heard.some((e) => ['error', '@error', '@close', 'typing'].includes(e.type)));

		demo.tunnel.close();
		await demo.hear((e) => e.type === 'close');
		await json.hear((o) => o.event === 'leave' && o.user?.uid === join.user.uid);
	});

	test(`${name}: its heartbeat keeps the tunnel open beyond the idle time`, async () => {
		const demo = await new Demo(name, '小明').open(`tunnel${++rooms}`);
		while (demo.packets.filter((p) => p === 'pong').length < 4)
			await new Promise((resolve) => demo.phone.socket.once('message', resolve));
		assert.ok(demo.packets.some((p) => /^timeout:\d+$/.test(p)));
		assert.ok(demo.packets.filter((p) => p === '> ping').length >= 4);
		assert.ok(demo.tunnel.isActive());
		demo.tunnel.close();
	});

	test(`${name}: reconnects with a new address after the server was killed, and is heard again`, async () => {
		const room = `tunnel${++rooms}`, demo = await new Demo(name, '小明').open(room);
		const first = demo.tunnel.socketUrl;
		await chat.crash();
		await demo.hear((e) => e.type === 'reconnect');
		assert.notEqual(demo.tunnel.socketUrl, first);
		const json = await chat.join('小红', room);
		demo.tunnel.emit('speak', { word: 'again' });
		assert.equal((await json.hear((o) => o.content === 'again')).type, 'remote');
		demo.tunnel.close();
	});

	test(`${name}: a session that ends is replaced behind the tunnel`, async () => {
		const room = `tunnel${++rooms}`, demo = await new Demo(name, '小明').open(room);
		const before = demo.phone.requests.length, [stored] = [...demo.phone.storage.values()];
		await chat.sys.call('POST', 'logout', { headers: { ...(stored.id && { 'x-wx-id': stored.id }), 'x-wx-skey': stored.skey } });
		await demo.hear((e) => e.type === 'reconnect');
		assert.ok(demo.phone.requests.slice(before).some(({ url }) => url.endsWith('/login')), 'it logged in again');
		demo.tunnel.emit('speak', { word: 'new session' });
		assert.equal((await demo.hear((e) => e.type === 'speak')).word, 'new session');
		demo.tunnel.close();
	});
}

// A tunnel without an SDK; hear gives the first packet of that type, its content parsed.
async function rawTunnel(user, room) {
	const { headers } = await chat.session(user);
	const socket = new WebSocket(`${chat.url}?${new URLSearchParams({ dialect: 'tunnel', room })}`, { headers });
	const heard = [], hear = async (type, wanted = () => true) => {
		for (;;) {
			const found = heard.find((m) => m.type === type && wanted(m.content));
			if (found)
				return found.content;
			await new Promise((resolve) => socket.once('message', resolve));
		}
	};
	socket.on('message', (data) => String(data).startsWith('message:') && heard.push(JSON.parse(String(data).slice(8))));
	await new Promise((resolve) => socket.on('open', resolve));
	return { socket, hear, send: (content, type = 'speak') => socket.send(`message:${JSON.stringify({ type, content })}`) };
}

test('a room has one name, by the tunnel and without it', async () => {
	const { headers } = await chat.session('小明');
	const welcomed = async (url, options) => {
		const socket = new WebSocket(url, options), [welcome] = await once(socket, 'message');
		socket.close();
		return JSON.parse(welcome).room;
	};
	for (const [query, room] of [['?room=my+room', 'my room'], ['?room=my%2Broom', 'my+room'], ['?room=', 'lobby'], ['', 'lobby']]) {
		const { body } = await chat.sys.call('GET', `tunnel${query}`, { headers });
		assert.equal(body.code, 0, query);
		assert.equal(await welcomed(body.url.replace('&dialect=tunnel', '')), room);
		assert.equal(await welcomed(`${chat.url}${query}`, { headers }), room);
	}
});

test('who speaks in no room is told so', async () => {
	const tunnel = await rawTunnel('小明', '@private');
	assert.equal((await tunnel.hear('system', (e) => e.event === 'refused')).reason, 'ERR_FORBIDDEN');
	tunnel.send({ word: 'hi' });
	const refused = await tunnel.hear('system', (e) => e.reason === 'ERR_BAD_REQUEST');
	assert.match(refused.message, /in no room/);
	tunnel.socket.close();
});

test('a word may hold U+0000, and whatever text is said is spoken', async () => {
	const room = `tunnel${++rooms}`, json = await chat.join('小红', room), tunnel = await rawTunnel('小明', room);
	tunnel.send({ word: 'a\0b' });
	assert.deepEqual((({ text, content }) => [text, content])(await json.hear((o) => o.type === 'remote')), [true, 'a\0b']);
	assert.equal((await tunnel.hear('speak')).word, 'a\0b');
	await json.say('\0c');
	await tunnel.hear('speak', (content) => content.word === '\0c');
	tunnel.socket.close();
});

test('a message says the same however it is written, by itself and in a page of history', async () => {
	const room = `tunnel${++rooms}`, json = await chat.join('小红', room), tunnel = await rawTunnel('小明', room);
	const deep = `${'['.repeat(15)}"deep"${']'.repeat(15)}`, heard = [];
	for (const [i, written] of [String.raw`"\u0063ontent":"\u4f60\/\"\n\ud83d\ude00"`, String.raw`"content":1,"conten\u0074":"last"`,
		String.raw`"content":"first","content":{"content": [1.50, 12345678901]}`, `"content":null,"x":${deep}`, '"who":{"uid":"x"},"word":"w"',
		`${Array.from({ length: 100 }, (_, n) => `"k${n}":{},`).join('')}"content":"many"`].entries()) {
		json.send(`{${written},"cid":"${i}"}`);
		const own = await json.hear((o) => o.cid === String(i)), { type, content, ...who } = own;
		if (typeof content === 'string')
			assert.deepEqual(await tunnel.hear('speak', (c) => c.word === content), { word: content,
				who: { openId: who.uid, uid: who.uid, nickName: who.nickName, avatarUrl: who.avatarUrl } });
		else
			assert.deepEqual(await tunnel.hear('message', (c) => c.cid === own.cid), { ...own, type: 'remote' });
		assert.equal(type, 'user');
		heard.push(own);
	}
	assert.equal((await json.ask({ op: 'recall', id: heard[1].id })).event, 'recalled');

	const page = await json.ask({ op: 'history' });
	tunnel.send({ op: 'history', cid: 'page' }, 'op');
	const told = await tunnel.hear('system', (e) => e.cid === 'page');
	assert.deepEqual(told, { ...page, cid: 'page', messages: page.messages.map((m) => ({ ...m, type: 'remote' })) });
	assert.deepEqual(told.messages.map((m) => m.id), heard.map((m) => m.id));
	assert.equal(told.messages[1].recalled, true);
	tunnel.socket.close();
});

test('packets that are none do no harm', async () => {
	const answer = await chat.sys.call('GET', 'tunnel', { headers: (await chat.session('小明')).headers, query: { room: 'odd' } });
	const { Client } = await import('./lib/chat.mjs');
	const { default: WebSocket } = await import('ws');
	const socket = new WebSocket(answer.body.url), heard = [];
	assert.ok(Client);
	socket.on('message', (data) => heard.push(String(data)));
	await new Promise((resolve) => socket.on('open', resolve));
	for (const packet of ['', ':', 'nonsense', 'message', 'message:', 'message:{', 'message:[]', 'message:{"type":1}',
		'message:{"type":"speak"}', 'message:{"type":"speak","content":5}', 'message:{"type":"speak","content":{"word":5}}',
		'message:{"type":"x","content":"y"}', 'timeout:1', 'pong', 'pingping', 'ping'])
		socket.send(packet);
	const hear = async (wanted) => {
		while (!heard.some(wanted))
			await new Promise((resolve) => socket.once('message', resolve));
	};
	await hear((p) => p === 'pong');
	socket.send('message:{"type":"speak","content":{"word":"fine"}}');
	await hear((p) => p.includes('"fine"'));
	for (const packet of heard)
		if (packet.startsWith('message:'))
			assert.equal(typeof JSON.parse(packet.slice(8)).type, 'string');
		else
			assert.match(packet, /^(pong|timeout:\d+)$/);
	const closed = new Promise((resolve) => socket.on('close', resolve));
	socket.send('close');
	assert.equal(await closed, 1000);
});
