// The client of the tutorial's chat room, written from what it does: the SDK of its time for the login, the global
// wx.onSocket* functions, credentials both in the address and in the headers, and its way with what arrives.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { startChat } from './lib/chat.mjs';
import { MAGIC } from './lib/system.mjs';
import { Phone, freshRequire, promised } from './lib/wx.mjs';

let chat;
before(async () => {
	chat = await startChat();
});
after(() => chat?.stop());

class Page {
	constructor(user) {
		this.phone = new Phone(chat.sys, user);
		this.messages = [];	// what the page shows
		this.waiting = new Set();
		this.logins = 0;
		globalThis.wx = this.phone.wx;
		this.wafer = freshRequire('wafer-client-sdk');
		this.wafer.setLoginUrl(`${chat.sys.weapp}/login`);
		// the phone of the helper knows no headers for sockets
		this.phone.wx.connectSocket = ({ url, header }) => {
			const tell = (event, value) => this.phone.heard[event].forEach((run) => run(value));
			this.socket = this.phone.socket = new WebSocket(url, { headers: header });
			this.socket.on('open', () => tell('Open', {}));
			this.socket.on('message', (data) => tell('Message', { data: String(data) }));
			this.socket.on('close', (code) => tell('Close', { code }));
			this.socket.on('error', () => {});
		};
		this.listen();
	}

	async login() {
		this.logins++;
		globalThis.wx = this.phone.wx;
		await promised(this.wafer.login);
	}

	async enter() {
		await this.login();
		this.connect();
	}

	connect() {
		const { id, skey } = this.phone.storage.get(`weapp_session_${MAGIC}`);
		const header = { 'X-WX-Id': id, 'X-WX-Skey': skey };
		const query = Object.entries(header).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
		this.phone.wx.connectSocket({ url: `ws://127.0.0.1:${chat.sys.port}/ws?${query}`, header });
	}

	listen() {
		this.phone.wx.onSocketMessage((res) => {
			const answer = JSON.parse(res.data);
			if (answer.error) {
				globalThis.wx = this.phone.wx;
				this.wafer.clearSession();
				this.enter();
			}
			answer.isText = answer.text === true;
			answer.isPicture = answer.gallery === true;
			this.messages.push(answer);
			for (const look of this.waiting)
				look();
		});
	}

	shown(wanted) {
		return new Promise((resolve) => {
			const look = () => {
				const found = this.messages.find(wanted);
				if (found) {
					this.waiting.delete(look);
					resolve(found);
				}
			};
			this.waiting.add(look);
			look();
		});
	}

	send(message) {
		this.phone.wx.sendSocketMessage({ data: JSON.stringify(message) });
	}
}

test('the tutorial’s page chats, unchanged, with another one and with today’s clients', async () => {
	const one = new Page('小明');
	await one.enter();
	assert.equal((await one.shown((m) => m.type === 'system')).num, 1);
	const two = new Page('小红');
	await two.enter();
	assert.equal((await two.shown((m) => m.type === 'system')).num, 2);
	const today = await chat.join('小华');

	one.send({ content: '大家好', text: true });
	const own = await one.shown((m) => m.isText), other = await two.shown((m) => m.isText);
	assert.deepEqual([own.type, other.type], ['user', 'remote']);
	assert.equal(own.content, '大家好');
	assert.ok(other.avatarUrl && other.avatarUrl === own.avatarUrl);
	assert.equal(own.number, 3);
	assert.match(String(own.id), /^[\w-]+$/, 'the page scrolls to #msg<id>');
	assert.equal((await today.hear((o) => o.content === '大家好')).id, own.id);

	two.send({ url: 'https://example.com/a.png', gallery: true });
	assert.equal((await one.shown((m) => m.isPicture)).url, 'https://example.com/a.png');
	await today.ask({ op: 'typing' });
	await today.say('end');
	await one.shown((m) => m.content === 'end');
	for (const page of [one, two])
		for (const shown of page.messages) {
			assert.ok(!shown.error);
			if (shown.type === 'system')	// shown as "N online"
				assert.ok(Number.isInteger(shown.num) && ['welcome', 'join', 'leave'].includes(shown.event));
			else
				assert.ok(shown.isText !== shown.isPicture);
		}
	assert.equal(one.logins + two.logins, 2);
});

test('a dead session makes the page log in again and come back by itself', async () => {
	const page = new Page('小明');
	await page.enter();
	await page.shown((m) => m.type === 'system');
	const { id, skey } = page.phone.storage.get(`weapp_session_${MAGIC}`);
	await chat.sys.call('POST', 'logout', { headers: { 'x-wx-id': id, 'x-wx-skey': skey } });
	await page.shown((m) => m.error === 'ERR_INVALID_SESSION');
	await page.shown((m) => m.type === 'system' && page.messages.indexOf(m) > page.messages.findIndex((o) => o.error));
	assert.equal(page.logins, 2);
	page.send({ content: 'back', text: true });
	assert.equal((await page.shown((m) => m.content === 'back')).type, 'user');

	// and when it died while the phone slept
	page.socket.terminate();
	await chat.sys.call('POST', 'logout', { headers: (({ id: i, skey: s }) => ({ 'x-wx-id': i, 'x-wx-skey': s }))(
		page.phone.storage.get(`weapp_session_${MAGIC}`)) });
	const before = page.messages.length;
	page.connect();
	await page.shown((m) => m.type === 'system' && page.messages.indexOf(m) > before);
	assert.equal(page.logins, 3);
});
