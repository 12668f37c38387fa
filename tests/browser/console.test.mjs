// The operator's console in a browser, on a phone and wide, light and dark: what it shows and what its buttons do.
// Screenshots are kept in $WXCHAT_SHOTS, else build/shots.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Person, startOperated, token } from '../integration/lib/operator.mjs';
import { root } from '../integration/lib/system.mjs';

const shots = process.env.WXCHAT_SHOTS ?? path.join(root, 'build/shots');
const hostile = '<img src=x onerror="document.title=1">';

let sys, browser, people;
before(async () => {
	fs.mkdirSync(shots, { recursive: true });
	sys = await startOperated({ config: { push: { rate: '0' } } });
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
	await sys.sandbox('PUT', 'user', { user: 'hostile', nickName: hostile });
	people = await Promise.all(['小明', '阿花', 'Band', 'hostile'].map((user) => Person.join(sys, user, '大厅')));
	people.push(await Person.join(sys, '小明', '大厅', { session: people[0].session }));
	people.push(await Person.join(sys, 'lone', '深夜电台'));
	for (const [i, text] of ['大家好!', '今天的风很大', 'Hello from the train', hostile].entries())
		await people[i].say(text);
	people[1].send({ gallery: true, url: 'https://media.example/cat.jpg' });
	await people[1].hear((m) => m.type === 'user' && m.gallery);
});
after(async () => {
	await browser?.close();
	await sys?.stop();
});

// Opens the page and shows it the token; complains about anything that the page asks of others or that the policy refuses.
async function open(t, options) {
	const context = await browser.newContext({ locale: 'en-US', ...options });
	const page = await context.newPage();
	const wrong = [];
	page.on('request', (request) => {
		if (!request.url().startsWith(sys.admin) && !request.url().startsWith('data:'))
			wrong.push(`asks ${request.url()}`);
	});
	page.on('pageerror', (error) => wrong.push(String(error)));
	page.on('console', (message) => {
		if (message.type() === 'error' && !/401/.test(message.text()))
			wrong.push(message.text());
	});
	t.after(async () => {
		await context.close();
		assert.deepEqual(wrong, []);
	});
	await page.goto(`${sys.admin}/`);
	await page.fill('#token', token);
	await page.click('#token-form button');
	await page.waitForSelector('.room-line');
	return page;
}

const views = {
	'wide-light': { viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
	'wide-dark': { viewport: { width: 1440, height: 900 }, colorScheme: 'dark', locale: 'zh-CN' },
	'phone-light': { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'light', locale: 'zh-CN' },
	'phone-dark': { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' },
};

for (const [name, options] of Object.entries(views))
	test(`shows curves, rooms, members and messages: ${name}`, async (t) => {
		const page = await open(t, options);
		await page.waitForFunction(() => document.querySelectorAll('.plot canvas').length === 5);
		assert.deepEqual((await page.locator('.room-line b').allTextContents()).sort(), ['大厅', '深夜电台'].sort());
		await page.screenshot({ path: path.join(shots, `console-${name}-rooms.png`) });
		await page.click('.room-line:has-text("大厅")');
		await page.waitForSelector('.message:nth-child(5)');
		assert.equal(await page.locator('.member').count(), 4);
		assert.ok((await page.locator('.message .what').allTextContents()).includes(hostile), 'what users say is text');
		assert.equal(await page.locator('.message img, .member img').count(), 0);
		assert.match(await page.locator('.member:has-text("2")').first().textContent(), /2/);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
		assert.ok(wide <= 0, 'nothing is wider than the page');
		await page.screenshot({ path: path.join(shots, `console-${name}.png`) });
	});

test('a wrong token is said to be wrong, and a locked page shows nothing', async (t) => {
	const context = await browser.newContext({ locale: 'en-US' });
	t.after(() => context.close());
	const page = await context.newPage();
	await page.goto(`${sys.admin}/`);
	await page.fill('#token', 'not the token');
	await page.click('#token-form button');
	await page.waitForSelector('#token-wrong:visible');
	await page.fill('#token', token);
	await page.click('#token-form button');
	await page.waitForSelector('.room-line');
	await page.reload();
	await page.waitForSelector('.room-line');	/* this tab remembers */
	await page.click('#lock');
	await page.waitForSelector('#token-dialog[open]');
	assert.equal(await page.locator('.room-line').count(), 0);
});

test('what is said appears by itself, and the buttons do what they say', async (t) => {
	const page = await open(t, views['wide-light']);
	const bad = await Person.join(sys, 'bad', '深夜电台'), lone = people.at(-1);
	const go = async () => {
		const answered = page.waitForResponse((answer) => answer.request().method() === 'POST');
		await page.click('#act-go');
		assert.equal((await answered).status(), 200);
		await page.waitForSelector('.toast');
	};
	await page.click('.room-line:has-text("深夜电台")');
	const { id } = await bad.say('buy my things');
	await page.waitForSelector('.message:has-text("buy my things")');
	await page.hover('.message:has-text("buy my things")');
	await page.click('.message:has-text("buy my things") button');
	await go();
	assert.equal((await lone.hear((m) => m.event === 'recall')).id, id);
	await page.waitForSelector('.message .is-gone');
	const member = page.locator(`.member:has([title="${bad.uid}"])`);
	await member.locator('button', { hasText: 'Mute' }).click();
	await page.selectOption('#act-seconds', '600');
	await go();
	assert.equal((await bad.ask({ text: true, content: 'x' })).reason, 'ERR_MUTED');
	await page.fill('#say-text', '我是系统');
	await page.click('#say button');
	assert.equal((await lone.hear((m) => m.content === '我是系统')).type, 'remote');
	await page.click('#open-broadcast');
	await page.fill('#act-text', '今晚维护');
	await go();
	await Promise.all([lone, people[2]].map((p) => p.hear((m) => m.content === '今晚维护')));
	await member.locator('button', { hasText: 'Kick' }).click();
	await go();
	await bad.hear((m) => m.event === 'kicked');
	await bad.ask({ op: 'join', room: '深夜电台' });
	await member.locator('button', { hasText: 'Ban' }).click();
	await page.fill('#act-reason', 'advertising');
	await page.screenshot({ path: path.join(shots, 'console-ban.png') });
	await go();
	assert.equal(await bad.closed, 4403);
	await page.click('#open-bans');
	await page.waitForSelector('.ban:has-text("advertising")');
	await page.screenshot({ path: path.join(shots, 'console-bans.png') });
	await page.click('.ban button');
	await page.waitForSelector('#bans-none:visible');
	assert.deepEqual((await sys.api('bans')).bans, []);
});

test('the page says when the server has gone, and goes on when it is back', async (t) => {
	const own = await startOperated({ config: { admin: {} } });
	t.after(() => own.stop());
	const context = await browser.newContext({ locale: 'en-US' });
	t.after(() => context.close());
	const page = await context.newPage();
	await page.goto(`${own.admin}/`);
	await page.fill('#token', token);
	await page.click('#token-form button');
	await page.waitForFunction(() => document.querySelector('#about').textContent !== '');
	await own.pushProgram.stop();
	await page.waitForFunction(() => document.querySelector('#state').textContent !== '');
	own.options.env = { WXCHAT_ADMIN_LISTEN: new URL(own.admin).host };
	await own.startPush();
	await page.waitForFunction(() => document.querySelector('#state').textContent === '');
});
