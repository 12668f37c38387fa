// What happens beside a message's way: WeChat's content check, the owner's webhooks, notices to users who are away, and
// the recall of media that WeChat found risky.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Person, metricSum, readMetrics, startOperated, token } from './lib/operator.mjs';

const RISKY = '特3456书yuuo莞6543李zxcz蒜7782法fgnv级';
const secret = 'webhook-secret';

async function metrics(sys) {
	const answer = await fetch(`${sys.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
	return readMetrics(await answer.text());
}

// The owner's backend: keeps what it is told, and answers as the test wishes.
async function startBackend(t) {
	const backend = { reports: [], events: [], questions: [], waiting: new Set(), answer: () => ({}), status: 200 };
	const server = http.createServer(async (request, response) => {
		const chunks = [];
		for await (const chunk of request)
			chunks.push(chunk);
		const body = Buffer.concat(chunks);
		const stamp = request.headers['x-wxchat-timestamp'];
		const mac = crypto.createHmac('sha256', secret).update(`${stamp}.`).update(body).digest('hex');
		assert.equal(request.headers['x-wxchat-signature'], `sha256=${mac}`);
		assert.ok(Math.abs(Number(stamp) - Date.now() / 1000) < 60);
		const json = JSON.parse(body);
		const status = backend.status;
		response.statusCode = status;
		if (json.type === 'message') {
			backend.questions.push(json);
			const answer = await backend.answer(json);
			if (answer === null)
				return;		/* never */
			response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
			return;
		}
		assert.equal(json.type, 'events');
		backend.reports.push(json);
		if (status === 200)
			backend.events.push(...json.events);
		response.end();
		for (const waiter of backend.waiting)
			waiter();
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	backend.url = `http://127.0.0.1:${server.address().port}/hook.php`;
	// Until the backend has been told of such an event (or report).
	backend.told = async (wanted, where = 'events') => {
		for (;;) {
			const found = backend[where].find(wanted);
			if (found)
				return found;
			await new Promise((resolve) => {
				const waiter = () => {
					backend.waiting.delete(waiter);
					resolve();
				};
				backend.waiting.add(waiter);
			});
		}
	};
	return backend;
}

async function start(t, config) {
	const sys = await startOperated({ config });
	t.after(() => sys.stop());
	return sys;
}

test('risky words are refused before anybody sees them', async (t) => {
	const sys = await start(t, { check: { text: 'refuse' } });
	const bad = await Person.join(sys, 'bad', 'r'), good = await Person.join(sys, 'good', 'r');
	const refused = await bad.ask({ text: true, content: `hello ${RISKY}` });
	assert.deepEqual([refused.event, refused.reason], ['refused', 'ERR_RISKY_CONTENT']);
	await bad.ask({ text: true, content: 'fine' });
	await bad.ask({ text: true, content: 'review!' });
	await good.hear((m) => m.content === 'review!');
	assert.deepEqual(good.heard.filter((m) => m.type === 'remote').map((m) => [m.id, m.content]), [[1, 'fine'], [2, 'review!']]);
	assert.ok(!JSON.stringify(await sys.api('history?room=r')).includes('特3456'));
	/* long texts are asked about in pieces; the last one counts, too */
	assert.equal((await bad.ask({ text: true, content: '长'.repeat(3000) + RISKY })).reason, 'ERR_RISKY_CONTENT');
	/* nor do they hide behind a NUL, or in another kind of value */
	for (const content of [`hi\0${RISKY}`, [RISKY], { word: RISKY }])
		assert.equal((await bad.ask({ text: true, content })).reason, 'ERR_RISKY_CONTENT', JSON.stringify(content));
	const tunnel = new WebSocket(`ws://127.0.0.1:${sys.pushPort}/ws?room=r&dialect=tunnel`, { headers: bad.session.headers });
	const told = new Promise((resolve) => tunnel.on('message', (data) => String(data).includes('ERR_RISKY_CONTENT') && resolve()));
	await once(tunnel, 'open');
	tunnel.send(`message:${JSON.stringify({ type: 'speak', content: { word: `\0${RISKY}` } })}`);
	await told;
	tunnel.close();
	const counted = await metrics(sys);
	assert.equal(metricSum(counted, 'wxchat_checks_refused_total'), 6);
	assert.equal(metricSum(counted, 'wxchat_checks_passed_total'), 2);
	/* the operator's word is not checked */
	await sys.api('publish', { room: 'r', text: RISKY });
	await good.hear((m) => m.content === RISKY);
});

test('a user’s messages keep their order through the check', async (t) => {
	const sys = await start(t, { check: { text: 'refuse', threads: 8 }, push: { rate: '0' } });
	const a = await Person.join(sys, 'a', 'r'), b = await Person.join(sys, 'b', 'r');
	for (let i = 0; i < 40; i++)
		(i % 2 ? a : b).send({ text: true, content: `${i}` });
	await Promise.all([b.hear((m) => m.content === '39'), b.hear((m) => m.content === '38')]);
	const said = (await sys.api('history?room=r&limit=100')).messages;
	for (const p of [a, b]) {
		const own = said.filter((m) => m.uid === p.uid).map((m) => Number(m.content));
		assert.equal(own.length, 20);
		assert.deepEqual(own, [...own].sort((x, y) => x - y));
	}
});

for (const [policy, type] of [['pass', 'user'], ['refuse', 'system']])
	test(`when WeChat is slow or down, messages ${policy === 'pass' ? 'pass' : 'are refused'} if so configured`, async (t) => {
		const sys = await start(t, { check: { text: 'refuse', on_failure: policy, timeout_ms: 300 } });
		const p = await Person.join(sys, 'p', 'r');
		for (const kind of ['hang', 'close', 'garbage', 'status']) {
			await sys.sandbox('POST', 'fault', { path: '/wxa/msg_sec_check', kind, count: 20, status: 500 });
			const answer = await p.ask({ text: true, content: `during ${kind}` });
			assert.equal(answer.type, type, kind);
			if (policy === 'refuse')
				assert.equal(answer.reason, 'ERR_WECHAT_BUSY');
			await sys.noFaults();
		}
		assert.ok(metricSum(await metrics(sys), 'wxchat_checks_failed_total') >= 4);
	});

test('deliver, then recall', async (t) => {
	const sys = await start(t, { check: { text: 'recall' } });
	const a = await Person.join(sys, 'a', 'r'), b = await Person.join(sys, 'b', 'r');
	a.send({ text: true, content: RISKY });
	const shown = await b.hear((m) => m.content === RISKY);
	assert.equal((await b.hear((m) => m.event === 'recall')).id, shown.id);
	await a.say('harmless');
	const { messages } = await sys.api('history?room=r');
	assert.deepEqual(messages.map((m) => m.recalled ?? m.content), [true, 'harmless']);
});

test('the backend hears of rooms and messages in signed batches', async (t) => {
	const backend = await startBackend(t);
	const sys = await start(t, { webhook: { url: backend.url, secret, events: 'occupied vacated join leave message' } });
	const a = await Person.join(sys, 'a', 'r');
	await a.say('你好');
	const b = await Person.join(sys, 'b', 'r');
	await b.leave();
	await a.leave();
	await backend.told((e) => e.event === 'vacated');
	assert.deepEqual(backend.events.map((e) => e.event), ['occupied', 'join', 'message', 'join', 'leave', 'leave', 'vacated']);
	const message = backend.events[2];
	assert.deepEqual([message.room, message.id, message.uid, message.message.content, message.message.uid],
		['r', 1, a.uid, '你好', a.uid]);
	assert.ok(message.time > Date.now() - 60000);
	assert.ok(backend.reports.length < 7, 'events travel together');
	assert.equal(new Set(backend.reports.map((r) => r.batch)).size, backend.reports.length);
});

test('only the wished events are reported', async (t) => {
	const backend = await startBackend(t);
	const sys = await start(t, { webhook: { url: backend.url, secret, events: 'message' } });
	const a = await Person.join(sys, 'a', 'r');
	await a.say('one');
	await backend.told((e) => e.event === 'message');
	assert.deepEqual(backend.events.map((e) => e.event), ['message']);
});

test('a batch is tried again under its name, and chat does not wait', async (t) => {
	const backend = await startBackend(t);
	const sys = await start(t, { webhook: { url: backend.url, secret, events: 'message' } });
	const a = await Person.join(sys, 'a', 'r');
	backend.status = 500;
	await a.say('one');
	const first = await backend.told(() => true, 'reports');
	backend.status = 200;
	await a.say('two');
	await backend.told((e) => e.message.content === 'two');
	const again = backend.reports.find((r, i) => i > 0 && r.batch === first.batch);
	assert.deepEqual(again, first);
	assert.deepEqual(backend.events.map((e) => e.id), [1, 2]);
	assert.ok(metricSum(await metrics(sys), 'wxchat_webhook_failed_total') >= 1);
});

test('events past the queue are dropped and counted', async (t) => {
	const sys = await start(t, { webhook: { url: 'http://127.0.0.1:1/', secret, events: 'message', queue: 5 }, push: { rate: '0' } });
	await Promise.all(Array.from({ length: 200 }, (_, i) => sys.api('publish', { room: 'r', text: `${i}` })));
	assert.ok(metricSum(await metrics(sys), 'wxchat_webhook_dropped_total') > 0);
	assert.equal((await sys.pushProgram.stop()).code, 0);
});

test('the backend may refuse or rewrite a message, but not say who said it', async (t) => {
	const backend = await startBackend(t);
	const sys = await start(t, { webhook: { url: backend.url, secret, message: 'on' }, check: { text: 'refuse' } });
	const a = await Person.join(sys, 'a', 'r'), b = await Person.join(sys, 'b', 'r');
	backend.answer = ({ message }) => ({
		no: { allow: false, message: '此处不谈' },
		change: { replace: { text: true, content: 'changed', uid: 'x', nickName: 'forged', id: 7, type: 'user', extra: [1] } },
		risk: { replace: { text: true, content: RISKY } },
	})[message.content] ?? {};
	const no = await a.ask({ text: true, content: 'no' });
	assert.deepEqual([no.reason, no.message], ['ERR_FORBIDDEN', '此处不谈']);
	const changed = await a.ask({ text: true, content: 'change' });
	assert.deepEqual([changed.type, changed.content, changed.id, changed.uid, changed.nickName, changed.extra],
		['user', 'changed', 1, a.uid, a.session.userinfo.nickName, [1]]);
	assert.equal((await b.hear((m) => m.content === 'changed')).type, 'remote');
	/* what the backend puts in is checked like anything else */
	assert.equal((await a.ask({ text: true, content: 'risk' })).reason, 'ERR_RISKY_CONTENT');
	const [question] = backend.questions;
	assert.deepEqual([question.room, question.uid, question.message.content], ['r', a.uid, 'no']);
	const answer = await a.ask({ text: true, content: 'plain' });
	assert.deepEqual([answer.type, answer.id], ['user', 2]);
});

for (const [policy, type] of [['pass', 'user'], ['refuse', 'system']])
	test(`a backend that answers badly or not at all: messages ${policy === 'pass' ? 'pass' : 'are refused'}`, async (t) => {
		const backend = await startBackend(t);
		const sys = await start(t, { webhook: { url: backend.url, secret, message: 'on', on_failure: policy, timeout_ms: 200 } });
		const a = await Person.join(sys, 'a', 'r');
		for (const answer of [null, 'no json', { replace: 5 }]) {
			backend.answer = () => answer;
			const said = await a.ask({ text: true, content: 'original' });
			assert.equal(said.type, type, JSON.stringify(answer)?.slice(0, 50));
			if (type === 'user')
				assert.equal(said.content, 'original');
		}
		backend.answer = () => ({});
		backend.status = 500;
		assert.equal((await a.ask({ text: true, content: 'x' })).type, type);
		backend.status = 200;
	});

test('no message is made so that the backend is not heard about it, or is left alone', async (t) => {
	const backend = await startBackend(t);
	const sys = await start(t, { webhook: { url: backend.url, secret, message: 'on' }, check: { threads: 1 }, push: { rate: '0', max_message_kb: 512 } });
	const a = await Person.join(sys, 'a', 'r'), b = await Person.join(sys, 'b', 'r');
	let deep = 'x';
	for (let i = 1; i < 16; i++)
		deep = [deep];
	/* Five failures in a row would do. */
	backend.answer = () => ({ replace: { text: true, content: '***' } });
	const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, 0]));
	for (let i = 0; i < 6; i++)
		assert.equal((await a.ask({ ...many, content: 'bad' })).content, '***');
	backend.answer = ({ message }) => ({ replace: { ...message, content: '***' } });
	assert.equal((await a.ask({ ...many, content: 'bad', long: 'x'.repeat(500000) })).content, '***');
	for (let i = 0; i < 6; i++)
		assert.equal((await a.ask({ deep, content: 'bad' })).reason, 'ERR_TOO_LARGE');
	backend.answer = ({ message }) => ({ replace: { ...message, content: '*'.repeat(1 << 19) } });
	for (let i = 0; i < 6; i++)
		assert.equal((await a.ask({ content: 'bad' })).reason, 'ERR_TOO_LARGE');
	backend.answer = () => ({ replace: { text: true, content: '***' } });
	const asked = backend.questions.length;
	assert.equal((await b.ask({ content: 'bad' })).content, '***');
	assert.equal(backend.questions.length, asked + 1);
	assert.equal(metricSum(await metrics(sys), 'wxchat_webhook_failed_total'), 0);
});

test('an absent user is told once, with consent, until they come back', async (t) => {
	const sys = await start(t, { notify: { template_id: 'TEMPLATE', state: 'trial' } });
	const away = await Person.join(sys, 'away', 'lobby'), here = await Person.join(sys, 'here', 'lobby');
	const room = `@dm:${[away.uid, here.uid].sort().join(':')}`;
	const sent = async () => (await sys.sandbox('GET', 'sent')).subscribe;
	assert.equal((await away.ask({ op: 'join', room })).event, 'welcome');
	assert.equal((await here.ask({ op: 'join', room })).event, 'welcome');
	/* without consent: nothing */
	await away.ask({ op: 'leave', room });
	await here.ask({ text: true, content: 'first', room });
	assert.equal((await away.ask({ op: 'join', room })).event, 'welcome');
	assert.equal((await away.ask({ op: 'consent', template: 'ANOTHER', room })).reason, 'ERR_NOT_FOUND');
	assert.ok(!((await away.ask({ op: 'consent', template: 'TEMPLATE', room })).event === 'refused'));
	assert.ok(!((await away.ask({ op: 'consent', template: 'TEMPLATE', room })).event === 'refused'));
	for (let i = 0; i < 2; i++)
		assert.equal((await sys.wx('subscribe', 'away', { tmplIds: ['TEMPLATE'] })).TEMPLATE, 'accept');
	/* here, so not told */
	await here.ask({ text: true, content: 'you see this', room });
	while (metricSum(await metrics(sys), 'wxchat_notices_waiting') > 0)
		await new Promise((resolve) => setTimeout(resolve, 20));
	await away.ask({ op: 'leave', room });
	await here.ask({ text: true, content: '你在吗?'.repeat(10), room });
	await here.ask({ text: true, content: 'still?', room });
	const notices = async (n) => {
		while (metricSum(await metrics(sys), 'wxchat_notices_sent_total') < n)
			await new Promise((resolve) => setTimeout(resolve, 50));
	};
	await notices(1);
	/* back and away again: told once more, and then the consents are used up */
	assert.equal((await away.ask({ op: 'join', room })).event, 'welcome');
	await away.ask({ op: 'leave', room });
	await here.ask({ text: true, content: 'and now', room });
	await notices(2);
	assert.equal((await away.ask({ op: 'join', room })).event, 'welcome');
	await away.ask({ op: 'leave', room });
	await here.ask({ text: true, content: 'no more', room });
	const all = await sent();
	assert.equal(all.length, 2, JSON.stringify(all));
	const [notice] = all;
	assert.equal(notice.template_id, 'TEMPLATE');
	assert.equal(notice.miniprogram_state, 'trial');
	assert.equal(notice.page, `pages/chat/chat?room=${encodeURIComponent(room)}`);
	assert.equal([...notice.data.thing2.value].length, 20);
	assert.match(notice.data.time3.value, /^\d{4}年\d\d月\d\d日 \d\d:\d\d$/);
});

for (const [what, fault, counter, again] of [
	['that WeChat refuses for good is not tried again', { kind: 'errcode', errcode: 43107 }, 'refused', 0],
	['that may have been sent is not sent again', { kind: 'close' }, 'failed', 0],
	['that was not sent is sent with the next message', { kind: 'errcode', errcode: 45009 }, 'failed', 1]])
	test(`a notice ${what}`, async (t) => {
		const sys = await start(t, { notify: { template_id: 'TEMPLATE' } });
		const away = await Person.join(sys, 'away', 'lobby'), here = await Person.join(sys, 'here', 'lobby');
		const room = `@dm:${[away.uid, here.uid].sort().join(':')}`;
		const settled = async () => {
			let counted;
			do
				counted = await metrics(sys);
			while (metricSum(counted, 'wxchat_notices_waiting') > 0);
			return counted;
		};
		assert.equal((await away.ask({ op: 'join', room })).event, 'welcome');
		assert.equal((await here.ask({ op: 'join', room })).event, 'welcome');
		assert.notEqual((await away.ask({ op: 'consent', template: 'TEMPLATE', room })).event, 'refused');
		await sys.wx('subscribe', 'away', { tmplIds: ['TEMPLATE'] });
		await away.ask({ op: 'leave', room });
		await sys.sandbox('POST', 'fault', { path: '/cgi-bin/message/subscribe/send', ...fault });
		await here.ask({ text: true, content: 'one', room });
		assert.equal(metricSum(await settled(), `wxchat_notices_${counter}_total`), 1);
		await sys.noFaults();
		await here.ask({ text: true, content: 'two', room });
		await here.ask({ text: true, content: 'three', room });
		const counted = await settled();
		assert.equal(metricSum(counted, `wxchat_notices_${counter}_total`), 1);
		assert.equal(metricSum(counted, 'wxchat_notices_sent_total'), again);
		assert.equal((await sys.sandbox('GET', 'sent')).subscribe.length, again);
	});

test('nobody who is in a room is told that somebody wrote there, however many there are', async (t) => {
	const sys = await start(t, { notify: { template_id: 'TEMPLATE' }, push: { rate: 0, max_conns_per_ip: 0 },
		login: { threads: 16, rate_per_address: 0, rate_per_user: 0 } });
	const people = [], room = '@crowd';
	for (let i = 0; i < 510; i++)
		people.push(await sys.login(`u${i}`));
	await Promise.all(people.map(({ uid }) => sys.api('enroll', { room, uid })));
	const sockets = await Promise.all(people.map((session) => Person.join(sys, null, room, { session, query: { events: '' } })));
	await Promise.all(sockets.map((p) => p.ask({ op: 'consent', template: 'TEMPLATE', room })));
	await sockets[0].say('hello');
	let counted;
	do
		counted = await metrics(sys);
	while (metricSum(counted, 'wxchat_notices_waiting') > 0);
	for (const name of ['sent', 'refused', 'failed'])
		assert.equal(metricSum(counted, `wxchat_notices_${name}_total`), 0, name);
});

// Somebody shows a file; risky() is what WeChat says of it later.
async function showFile(sys, person) {
	const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
	const form = new FormData();
	form.append('file', new Blob([png], { type: 'image/png' }), 'a.png');
	const upload = await sys.call('POST', 'upload', { headers: person.session.headers, body: form });
	assert.equal(upload.status, 200, upload.text);
	const { url } = upload.body.data;
	person.send({ gallery: true, url });
	const { id } = await person.hear((m) => m.type === 'user' && m.url === url);
	return { id, risky: async () => {
		const checks = async () => (await sys.sandbox('GET', 'sent')).mediaChecks;
		let check;
		while (!(check = (await checks()).find((c) => c.media_url === url)))
			await new Promise((resolve) => setTimeout(resolve, 50));
		const stamp = String(Math.floor(Date.now() / 1000)), nonce = crypto.randomBytes(6).toString('hex');
		const signature = crypto.createHash('sha1').update(['pushtoken', stamp, nonce].sort().join('')).digest('hex');
		const push = await sys.call('POST', 'message', { query: { signature, timestamp: stamp, nonce }, json: {
			ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: Number(stamp), MsgType: 'event', Event: 'wxa_media_check',
			trace_id: check.trace_id, version: 2, errcode: 0, errmsg: 'ok', result: { suggest: 'risky', label: 20002 } } });
		assert.equal(push.status, 200, push.text);
	} };
}

test('what WeChat found risky after the upload is recalled', async (t) => {
	const sys = await start(t, { media: { check: 'on' } });
	const a = await Person.join(sys, 'a', 'r');
	const { id, risky } = await showFile(sys, a);
	await a.say('between');
	for (let i = 0; i < 150; i++)	/* more rooms than are looked at in one go, on both sides of this one */
		await sys.api('publish', { room: `${i % 2 ? 'a' : 'z'}${i}`, text: 'x' });
	await risky();
	assert.equal((await a.hear((m) => m.event === 'recall')).id, id);
	const { messages } = await sys.api('history?room=r');
	assert.deepEqual(messages.map((m) => m.recalled ?? m.content), [true, 'between']);
});

test('a recall for which the disk had no room is made when it has some', async (t) => {
	const sys = await start(t, { media: { check: 'on' } });
	const limit = (bytes) => execFileSync('prlimit', [`--pid=${sys.pushProgram.child.pid}`, `--fsize=${bytes}:unlimited`]);
	const a = await Person.join(sys, 'a', 'r');
	const { id, risky } = await showFile(sys, a);
	limit(4096);
	await risky();
	await sys.pushProgram.line(/media-recall-delayed event=1 /);
	assert.ok(!a.heard.some((m) => m.event === 'recall'));
	limit('unlimited');
	assert.equal((await a.hear((m) => m.event === 'recall')).id, id);
});

test('verdicts are followed from the first one when the store of sessions is a new one', async (t) => {
	const sys = await start(t, { media: { check: 'on' } });
	const before = await Person.join(sys, 'a', 'r');
	for (let i = 0; i < 3; i++) {
		const { id, risky } = await showFile(sys, before);
		await risky();
		await before.hear((m) => m.event === 'recall' && m.id === id);
	}
	await sys.pushProgram.stop();
	await sys.loginProgram.stop();
	for (const name of fs.readdirSync(sys.file('sessions')))
		fs.rmSync(sys.file('sessions', name));
	await sys.startLogin();
	await sys.startPush();
	const a = await Person.join(sys, 'a', 'r');
	const { id, risky } = await showFile(sys, a);
	await risky();
	await a.hear((m) => m.event === 'recall' && m.id === id);
});

test('a stop with messages in the check lets them go and ends', async (t) => {
	const sys = await start(t, { check: { text: 'refuse', timeout_ms: 20000 }, wechat: { timeout_ms: 20000 } });
	const a = await Person.join(sys, 'a', 'r');
	await sys.sandbox('POST', 'fault', { path: '/wxa/msg_sec_check', kind: 'delay', ms: 1500, count: 50 });
	for (let i = 0; i < 5; i++)
		a.send({ text: true, content: `${i}` });
	await a.ask({ op: 'ping' });
	assert.equal((await sys.pushProgram.stop()).code, 0);
});

test('nor does one long message, of which a stop leaves the rest unasked', async (t) => {
	const planned = 1000, pieces = 60, path = '/wxa/msg_sec_check';
	const sys = await start(t, { check: { text: 'refuse' }, push: { max_message_kb: 256 } });
	const a = await Person.join(sys, 'a', 'r');
	await sys.sandbox('POST', 'fault', { path, kind: 'delay', ms: 200, count: planned });
	const asked = async () => planned - (await sys.sandbox('GET', 'fault')).faults[0].left;
	a.send({ text: true, content: 'a'.repeat(pieces * 2500) });
	while (await asked() === 0)
		await new Promise((resolve) => setTimeout(resolve, 20));
	const before = await asked();
	assert.equal((await sys.pushProgram.stop()).code, 0);
	assert.ok(await asked() <= before + 2, `${await asked()} pieces of ${pieces}, ${before} of them before`);
});

test('a successor whose predecessor dies before it has let go serves all the same', async (t) => {
	const sys = await start(t, { check: { text: 'refuse', timeout_ms: 20000 }, wechat: { timeout_ms: 20000 } });
	const a = await Person.join(sys, 'a', 'r'), { child } = sys.pushProgram;
	await sys.sandbox('POST', 'fault', { path: '/wxa/msg_sec_check', kind: 'hang', count: 1 });
	a.send({ text: true, content: 'its check holds the old one up' });
	while ((await sys.sandbox('GET', 'fault')).faults.length > 0)
		await new Promise((resolve) => setTimeout(resolve, 20));
	child.kill('SIGUSR2');
	const successor = Number((await sys.pushProgram.line(/takeover successor=(\d+)/))[1]);
	try {
		if (process.getuid() === 0) {	/* others may not look: of all sockets it has those alone that listen */
			const link = (path) => {
				try {
					return fs.readlinkSync(path);
				} catch {
					return '';	/* closed meanwhile */
				}
			};
			const of = (pid) => fs.readdirSync(`/proc/${pid}/fd`).filter((fd) => fd > 2).map((fd) => link(`/proc/${pid}/fd/${fd}`));
			const inherited = of(successor), shared = of(child.pid).filter((one) => one.startsWith('socket:') && inherited.includes(one));
			const tcp = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
			assert.ok(shared.length > 0);
			for (const one of shared)
				assert.equal(tcp.find((fields) => `socket:[${fields[9]}]` === one)?.[3], '0A');
		}
		child.kill('SIGKILL');
		await sys.pushProgram.line(/takeover why="the old process ended before it said so"/);
		const b = await Person.join(sys, 'b', 'r');
		assert.equal((await b.say('still served')).type, 'user');
	} finally {
		process.kill(successor, 'SIGTERM');
		await sys.pushProgram.exited;
	}
});

test('what is switched on must have what it needs', async () => {
	for (const [config, told] of [[{ webhook: { events: 'message', secret } }, /conf:\d+: url: missing/],
		[{ webhook: { message: 'on', url: 'http://127.0.0.1:1/' } }, /conf:\d+: secret: missing/],
		[{ webhook: { events: 'message gone', url: 'http://127.0.0.1:1/', secret } }, /conf:\d+: events: there is no such event/],
		[{ notify: { template_id: 'T', data: 'thing1={nonsense}' } }, /conf:\d+: data: /],
		[{ notify: { template_id: 'T' }, wechat: { app_secret: '' } }, /app_secret: missing/]])
		await assert.rejects(startOperated({ config, web: null, login: null }), told);
});
