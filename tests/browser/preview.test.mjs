// The preview in Chromium: two phones run the mini-program against the real system.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import WebSocket from 'ws';
import { System, root } from '../integration/lib/system.mjs';

const output = process.env.WXCHAT_OUTPUT || join(root, 'build/test-output');
const SOON = { timeout: 20000 };

let system;
let browser;

// What `make run` adds to the web server: the preview's files, and the sandbox at the same origin.
function webConfig(sys) {
	return `
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8", ".css" => "text/css; charset=utf-8",
	".js" => "text/javascript; charset=utf-8", "" => "application/octet-stream" )
$HTTP["url"] =~ "^/sandbox/" {
	proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => ${new URL(sys.boxUrl).port} )))
}
`;
}

before(async () => {
	system = new System({ login: 'spawned', push: true, webConfig, config: { push: { leave_grace_s: 1, rate: '0' } } });
	await promisify(execFile)(process.execPath, [join(root, 'tests/preview/build.mjs'), system.file('www')]);
	await system.startAll();
	mkdirSync(output, { recursive: true });
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-dev-shm-usage'],
	});
}, { timeout: 120000 });

after(async () => {
	await browser?.close();
	await system?.stop();
});

// One phone on the desk.
class Phone {
	constructor(page, user) {
		this.page = page;
		this.user = user;
		this.section = page.locator(`section[data-user="${user}"]`);
		this.frame = this.section.frameLocator('iframe');
		this.title = this.section.locator('.title');
	}

	async say(text) {
		await this.frame.locator('.field input').first().fill(text);
		await this.frame.locator('.send').click();
	}

	// The entry of the list that holds the text.
	entry(text) {
		return this.frame.locator('.entry', { has: this.frame.locator('.bubble', { hasText: text }) });
	}

	// A message by somebody else has come.
	async hears(text) {
		await this.entry(text).locator('.other').waitFor(SOON);
	}

	// An own message has been acknowledged.
	async hasSent(text) {
		await this.entry(text).locator('.mine').waitFor(SOON);
		await this.entry(text).locator('.spinner').waitFor({ state: 'detached', ...SOON });
		assert.equal(await this.entry(text).locator('.failed').count(), 0);
	}

	// The whole end of the newest message is within the list.
	async newestInView() {
		await this.page.waitForFunction((element) => {
			const box = element.getBoundingClientRect();
			const last = [...element.querySelectorAll('.bubble')].pop().getBoundingClientRect();

			return last.bottom >= box.top && last.bottom <= box.bottom;
		}, await this.frame.locator('.list').elementHandle(), SOON);
	}

	line(text) {
		return this.frame.locator('.line', { hasText: text });
	}

	// Runs in the phone's frame.
	run(script) {
		const url = `phone.html?user=${encodeURIComponent(this.user)}`;

		return this.page.frames().find((frame) => frame.url().includes(url)).evaluate(script);
	}

	do(button) {
		return this.section.locator(`[data-do=${button}]`).click();
	}
}

// Two phones in a room of their own; ends when the test does.  Any error of a script fails the test.
async function desk(t, room) {
	const users = [`${room}-甲`, `${room}-乙`];
	const context = await browser.newContext({ viewport: { width: 1000, height: 1000 } });
	const page = await context.newPage();
	const errors = [];

	page.on('pageerror', (err) => errors.push(err.stack));
	t.after(async () => {
		if (errors.length || !t.passed)
			await page.screenshot({ path: join(output, `preview-${room}.png`) }).catch(() => {});
		await context.close();
		assert.deepEqual(errors, []);
	});
	await page.goto(`${system.url}/?room=${room}&users=${users.map(encodeURIComponent).join(',')}`);
	const phones = users.map((user) => new Phone(page, user));

	for (const phone of phones)
		await phone.title.filter({ hasText: '(2)' }).waitFor(SOON);
	return { page, phones };
}

async function wechatName(user) {
	const res = await fetch(`${system.boxUrl}/sandbox/user?user=${encodeURIComponent(user)}`);

	return (await res.json()).nickName;
}

async function logins() {
	const res = await fetch(`${system.boxUrl}/sandbox/log`);

	return (await res.json()).counts['/sns/jscode2session'] || 0;
}

test('two phones log in, chat, and each sees the other\'s avatar', async (t) => {
	const { page, phones: [a, b] } = await desk(t, 'first');

	await a.say('你好，我先来');
	await b.hears('你好，我先来');
	await b.say('你好！今天天气真不错，要不要一起去公园散步？我们可以顺便喝杯咖啡。');
	await a.hears('公园散步');
	await a.say('好啊');
	await b.hears('好啊');
	await a.hasSent('好啊');
	for (const [phone, other, text] of [[a, b, '公园散步'], [b, a, '我先来']]) {
		const entry = phone.entry(text);
		const image = entry.locator('.avatar img');

		assert.equal(await entry.locator('.name').innerText(), await wechatName(other.user));
		assert.match(await image.getAttribute('src'), /^http/);
		await page.waitForFunction((img) => img.complete && img.naturalWidth > 0, await image.elementHandle());
	}
	const srcs = await Promise.all([a, b].map((phone) => phone.frame.locator('.other .avatar img').first().getAttribute('src')));

	assert.notEqual(srcs[0], srcs[1]);
	await b.frame.locator('.read', { hasText: '已读' }).waitFor(SOON);
	await page.screenshot({ path: join(output, 'preview.png') });
	assert.ok(existsSync(join(output, 'preview.png')));
});

test('own text stands right, that of others left, and the newest is in view', async (t) => {
	const { phones: [a, b] } = await desk(t, 'sides');

	for (let i = 1; i <= 25; i++)
		await a.say(`第${i}条`);
	await b.hears('第25条');
	const own = await a.frame.locator('.bubble').last().boundingBox();
	const other = await b.frame.locator('.bubble').last().boundingBox();
	const frames = await Promise.all([a, b].map((phone) => phone.section.locator('iframe').boundingBox()));

	assert.ok(own.x + own.width / 2 > frames[0].x + frames[0].width / 2);
	assert.ok(other.x + other.width / 2 < frames[1].x + frames[1].width / 2);
	for (const phone of [a, b])
		await phone.newestInView();
});

test('the newest stays in view when the word that it was read, or that the network is gone, takes room', async (t) => {
	const { phones: [a, b] } = await desk(t, 'room');

	for (let i = 1; i <= 15; i++)
		await a.say(`第${i}条。`);
	await b.hears('第15条。');
	await b.do('network');
	await a.say('说来话长，'.repeat(20));
	await a.hasSent('说来话长');
	await a.newestInView();
	await b.do('network');
	await a.frame.locator('.read', { hasText: '已读' }).waitFor(SOON);
	await a.newestInView();
	await a.do('network');
	await a.frame.locator('.strip', { hasText: '重新连接' }).waitFor(SOON);
	await a.newestInView();
});

test('a session that the server has ended is renewed, and nobody notices', async (t) => {
	const { phones: [a, b] } = await desk(t, 'expiry');

	await a.say('之前');
	await b.hears('之前');
	const before_count = await logins();

	await a.run(() => window.phone.expire());
	await a.say('之后');
	await b.hears('之后');
	await a.hasSent('之后');
	assert.equal(await logins(), before_count + 1);
	assert.equal(await a.entry('之后').count(), 1);
	assert.equal(await b.entry('之后').count(), 1);
	assert.equal(await a.frame.locator('.strip').count(), 0);
	assert.equal(await a.frame.locator('.wechat-toast').count(), 0);
});

test('a login that fails is told in Chinese, and made good', async (t) => {
	const { phones: [a, b] } = await desk(t, 'refused');

	await system.fault('errcode', { errcode: 40029 });
	t.after(() => system.noFaults());
	await a.run(() => window.phone.expire());
	await a.say('等一等');
	await a.frame.locator('.strip', { hasText: /^登录失败：微信没有接受登录凭证，正在重试…$/ }).waitFor(SOON);
	await system.noFaults();
	await a.hasSent('等一等');
	await b.hears('等一等');
	await a.frame.locator('.strip').waitFor({ state: 'detached', ...SOON });
});

test('the push server dies and comes back: everything written meanwhile arrives, once', async (t) => {
	const { phones: [a, b] } = await desk(t, 'restart');

	await a.say('重启之前');
	await b.hears('重启之前');
	await system.pushProgram.kill('SIGKILL');
	await a.say('没有服务器的时候');
	await a.frame.locator('.strip', { hasText: '重新连接' }).waitFor(SOON);
	await system.startPush();
	await b.hears('没有服务器的时候');
	await a.hasSent('没有服务器的时候');
	await b.say('都收到了');
	await a.hears('都收到了');
	for (const phone of [a, b]) {
		assert.equal(await phone.entry('没有服务器的时候').count(), 1);
		assert.equal(await phone.entry('重启之前').count(), 1);
	}
	await a.frame.locator('.strip').waitFor({ state: 'detached', ...SOON });
});

test('a phone that was in the background catches up', async (t) => {
	const { phones: [a, b] } = await desk(t, 'background');

	await b.do('background');
	await a.line('离开了聊天室').waitFor(SOON);	// its socket has been closed, and it was not told
	await a.say('你在吗');
	await a.hasSent('你在吗');
	await b.do('background');
	await b.hears('你在吗');
	assert.equal(await b.entry('你在吗').count(), 1);
});

test('without a network messages wait, and leave when it is back', async (t) => {
	const { phones: [a, b] } = await desk(t, 'network');

	await b.do('network');
	await b.say('离线写的');
	await b.entry('离线写的').locator('.spinner').waitFor(SOON);
	await a.say('在线写的');
	await a.hasSent('在线写的');
	await b.do('network');
	await b.hears('在线写的');
	await a.hears('离线写的');
	await b.hasSent('离线写的');
});

test('a new name and avatar show at once, on what was said before too', async (t) => {
	const { page, phones: [a, b] } = await desk(t, 'profile');

	await a.say('改名之前');
	await b.hears('改名之前');
	const avatar = b.entry('改名之前').locator('.avatar img');
	const old = await avatar.getAttribute('src');

	await a.frame.locator('.bar .tool').first().click();
	await a.frame.getByText('更换头像').click();
	await a.frame.getByText('用微信头像').click();
	await a.frame.locator('wx-button img[src^="blob:"]').waitFor(SOON);
	await a.frame.locator('profile-sheet input').fill('全新的名字');
	await page.screenshot({ path: join(output, 'preview-profile.png') });
	await a.frame.getByText('保存').click();
	await a.frame.getByText('保存').waitFor({ state: 'detached', ...SOON });
	await a.say('改名之后');
	await b.hears('改名之后');
	await b.entry('改名之前').locator('.name', { hasText: '全新的名字' }).waitFor(SOON);
	assert.notEqual(await avatar.getAttribute('src'), old);
	assert.match(await avatar.getAttribute('src'), /\/media\//);
	await page.waitForFunction((img) => img.complete && img.naturalWidth > 0, await avatar.elementHandle());
});

test('a picture goes up and is shown on the other side', async (t) => {
	const { page, phones: [a, b] } = await desk(t, 'picture');
	const shot = await page.screenshot({ clip: { x: 0, y: 0, width: 400, height: 200 } });
	const [chooser] = await Promise.all([page.waitForEvent('filechooser'), a.frame.locator('.bar .tool').last().click()]);

	await chooser.setFiles({ name: 'a.png', mimeType: 'image/png', buffer: shot });
	const photo = b.frame.locator('.other .photo img');

	await photo.waitFor(SOON);
	await page.waitForFunction((img) => img.complete && img.naturalWidth === 400, await photo.elementHandle());
	assert.match(await photo.getAttribute('src'), /\/media\//);
	await a.frame.locator('.mine .veil').waitFor({ state: 'detached', ...SOON });
	const box = await b.frame.locator('.picture').boundingBox();

	assert.ok(Math.abs(box.width / box.height - 2) < 0.1, 'its shape is known before it has loaded');
});

test('a long press recalls an own message on both sides', async (t) => {
	const { phones: [a, b] } = await desk(t, 'recall');

	await a.say('说错了');
	await b.hears('说错了');
	await a.hasSent('说错了');
	await a.entry('说错了').locator('.bubble').click({ delay: 600 });
	await a.frame.getByText('撤回', { exact: true }).click();
	await a.line('你撤回了一条消息').waitFor(SOON);
	await b.line('撤回了一条消息').waitFor(SOON);
	for (const phone of [a, b])
		assert.equal(await phone.entry('说错了').count(), 0);
});

test('typing is shown while it lasts', async (t) => {
	const { phones: [a, b] } = await desk(t, 'typing');

	await b.frame.locator('.field input').first().fill('我在想');
	await a.frame.locator('.typing', { hasText: `${await wechatName(b.user)} 正在输入` }).waitFor(SOON);
	await b.frame.locator('.send').click();
	await a.hears('我在想');
	await a.frame.locator('.typing').waitFor({ state: 'detached', ...SOON });
});

test('a newcomer sees what was said, and more when pulling down', async (t) => {
	const { page, phones: [a, b] } = await desk(t, 'history');

	for (let i = 1; i <= 45; i++)
		await a.say(`旧消息${i}。`);
	await b.hears('旧消息45。');
	await a.hasSent('旧消息45。');
	await page.reload();
	await b.title.filter({ hasText: '(2)' }).waitFor(SOON);
	await b.hears('旧消息45。');
	assert.equal(await b.entry('旧消息1。').count(), 0);
	await b.frame.locator('.list .line', { hasText: '下拉查看更多消息' }).scrollIntoViewIfNeeded();
	await b.entry('旧消息1。').waitFor({ state: 'attached', ...SOON });
	assert.equal(await b.frame.locator('.bubble').count(), 45);
});

test('a new message does not pull a reader away from older ones', async (t) => {
	const { phones: [a, b] } = await desk(t, 'reader');

	for (let i = 1; i <= 25; i++)
		await a.say(`第${i}条。`);
	await b.hears('第25条。');
	await b.entry('第1条。').hover();
	await b.page.mouse.wheel(0, -3000);
	await b.entry('第1条。').locator('.bubble').click({ trial: true });
	await a.say('新的一条');
	await b.frame.locator('.unseen', { hasText: '1 条新消息' }).click();
	await b.entry('新的一条').locator('.bubble').click({ trial: true });
	await b.frame.locator('.unseen').waitFor({ state: 'detached', ...SOON });
});

// Says `count` things in the room, as fast as they are acknowledged.
async function chatter(user, room, count) {
	const { headers } = await system.login(user);
	const socket = new WebSocket(`${system.ws}?room=${room}`, { headers });

	await new Promise((resolve, reject) => {
		let said = 0;

		socket.on('error', reject);
		socket.on('message', (data) => {
			const object = JSON.parse(data);

			if (object.error || object.event === 'refused')
				reject(new Error(String(data)));
			if (object.event !== 'welcome' && object.type !== 'user')
				return;
			if (said === count)
				resolve();
			else
				socket.send(JSON.stringify({ text: true, content: `闲聊${++said}。` }));
		});
	});
	socket.terminate();
}

test('after missing too much the newest is there, and pulling down brings all the rest', async (t) => {
	const { phones: [a, b] } = await desk(t, 'gap');

	await a.say('最初');
	await b.hears('最初');
	await b.do('network');
	await chatter('话多的人', 'gap', 560);
	await b.do('network');
	await b.hears('闲聊560。');
	const bubbles = b.frame.locator('.bubble');

	while (await b.entry('最初').count() === 0) {
		const shown = await bubbles.count();

		await b.frame.locator('.list .line').first().scrollIntoViewIfNeeded();
		await bubbles.nth(shown).waitFor({ state: 'attached', ...SOON });
	}
	assert.deepEqual(await bubbles.allInnerTexts(), ['最初', ...Array.from({ length: 560 }, (_, i) => `闲聊${i + 1}。`)]);
});
