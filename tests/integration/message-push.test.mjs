// WeChat's message push, as the sandbox pushes it: every mode and format, forgeries and replays, and what comes of it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { startBucket } from './lib/bucket.mjs';
import * as files from './lib/files.mjs';
import { appId, startSystem } from './lib/system.mjs';

const token = 'pushtoken';
// As the console makes them: letters and digits, of which the last says more than the 256 bits.
const aesKey = `${crypto.randomBytes(99).toString('base64').replace(/[+/]/g, '').slice(0, 42)}9`;
const sign = (...texts) => crypto.createHash('sha1').update(texts.sort().join('')).digest('hex');
const signed = (nonce = String(Math.random())) => {
	const timestamp = String(Math.floor(Date.now() / 1000));
	return { timestamp, nonce, signature: sign(token, timestamp, nonce) };
};

// The store's queue of events, read as any other program may read it.
function events(sys) {
	const dump = execFileSync('mdb_dump', ['-p', '-s', 'events', sys.file('sessions')], { encoding: 'utf8' });
	return [...dump.matchAll(/\{\\22kind.*|\{"kind.*/g)].map(([line]) => JSON.parse(Buffer.from(
		line.replace(/\\([0-9a-f]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16))), 'latin1').toString()));
}

for (const mode of ['plain', 'compatible', 'safe'])
	for (const format of ['json', 'xml'])
		describe(`${mode} mode, ${format}`, () => {
			let sys;
			before(async () => {
				sys = await startSystem({ web: 'lighttpd', config: mode === 'plain' ? {} : { wechat: { message_aes_key: aesKey } } });
				const set = await sys.sandbox('PUT', 'push', { url: `${sys.weapp}/message`, token, mode, format,
					...(mode !== 'plain' && { aesKey }) });
				assert.match(set.errMsg, /:ok$/);
			});
			after(() => sys?.stop());

			test('WeChat\'s console is answered', async () => {
				const answer = await sys.sandbox('POST', 'push', { verify: true });
				assert.equal(answer.accepted, true, JSON.stringify(answer));
			});

			test('an event is taken', async () => {
				const message = { ToUserName: 'gh_1', FromUserName: 'oSomebody', CreateTime: 1714112445, MsgType: 'event',
					Event: 'debug_demo', debug_str: '你好 <world> & ]]>' };
				const answer = await sys.sandbox('POST', 'push', { message });
				assert.deepEqual([answer.accepted, answer.status, answer.answer], [true, 200, 'success'], JSON.stringify(answer));
				const [event] = events(sys);
				assert.equal(event.kind, 'event');
				assert.equal(event.event, 'debug_demo');
				assert.equal(event.data.debug_str, '你好 <world> & ]]>');
			});

			test('an event that is told again is heard once', async () => {
				const message = { ToUserName: 'gh_1', FromUserName: 'oTwice', CreateTime: 1714112446, MsgType: 'event', Event: 'twice' };
				await sys.sandbox('POST', 'push', { message });
				const answer = await sys.sandbox('POST', 'push', { message });
				assert.equal(answer.accepted, true);
				assert.equal(events(sys).filter((e) => e.event === 'twice').length, 1);
			});
		});

describe('forgeries and mistakes', () => {
	let sys;
	before(async () => { sys = await startSystem({ web: 'nginx' }); });
	after(() => sys?.stop());

	const post = (body, query) => sys.call('POST', 'message', { body, query });
	const event = (name) => JSON.stringify({ FromUserName: 'o', CreateTime: Math.random() * 1e9 | 0, MsgType: 'event', Event: name });

	test('what is not signed with our token is refused', async () => {
		for (const query of [{}, { ...signed(), signature: '0'.repeat(40) }, { ...signed(), timestamp: '1' }, { ...signed(), signature: undefined }]) {
			const { status, body } = await post(event('forged'), query);
			assert.equal(status, 400);
			assert.equal(body.code, 1);
		}
		const verify = await sys.call('GET', 'message', { query: { ...signed(), signature: '0'.repeat(40), echostr: 'x' } });
		assert.equal(verify.status, 400);
		assert.equal(verify.body.error, 'ERR_BAD_SIGNATURE');
		assert.deepEqual(events(sys), []);
	});

	test('the console\'s echo comes back as it was sent', async () => {
		const answer = await sys.call('GET', 'message', { query: { ...signed(), echostr: '4375120948345356249' } });
		assert.deepEqual([answer.status, answer.text], [200, '4375120948345356249']);
		assert.match(answer.headers.get('content-type'), /^text\/plain/);
		for (const [length, status] of [[256, 200], [4096, 200], [4097, 400]]) {
			const long = await sys.call('GET', 'message', { query: { ...signed(), echostr: 'x'.repeat(length) } });
			assert.equal(long.status, status, String(length));
			assert.equal(long.text === 'x'.repeat(length), status === 200);
		}
	});

	test('a replayed request is answered and not heard', async () => {
		const query = signed('replay');
		for (const name of ['first', 'second']) {
			const { status, text } = await post(event(name), query);
			assert.deepEqual([status, text], [200, 'success']);
		}
		assert.deepEqual(events(sys).map((e) => e.event), ['first']);
	});

	test('bodies that are no messages are refused', async () => {
		for (const body of ['', '[]', '{', 'x', '<xml>', '<xml><a></xml>', '<!DOCTYPE xml [<!ENTITY a "b">]><xml><Event>&a;</Event></xml>',
			`${'<a>'.repeat(50)}${'</a>'.repeat(50)}`, `<xml>${'<a/>'.repeat(1000)}</xml>`]) {
			const answer = await post(body, signed());
			assert.equal(answer.status, 400, body);
		}
		const large = await post(`{"a":"${'x'.repeat(70 << 10)}"}`, signed());
		assert.equal(large.status, 413);
	});

	test('a message of a user is kept for the operator', async () => {
		const json = JSON.stringify({ FromUserName: 'o', CreateTime: 1, MsgType: 'text', Content: '在吗', MsgId: 1234567890123456 });
		assert.equal((await post(json, signed())).status, 200);
		assert.equal((await post(json, signed())).status, 200);
		assert.deepEqual(events(sys).filter((e) => e.kind === 'message').map((e) => e.data.Content), ['在吗']);
	});

	test('a user who takes back what was given is logged out', async () => {
		const s = await sys.login('revoked');
		const json = JSON.stringify({ FromUserName: 'x', CreateTime: 2, MsgType: 'event', Event: 'user_authorization_revoke', OpenID: s.userinfo.openId });
		assert.equal((await post(json, signed())).text, 'success');
		assert.equal((await sys.call('GET', 'user', { headers: s.headers })).status, 401);
		assert.ok(events(sys).some((e) => e.kind === 'user' && e.uid === s.uid));
	});

	test('of two users who close their accounts in one second both are logged out', async () => {
		const users = [await sys.login('closes'), await sys.login('closes, too')];
		for (const s of users) {
			const json = JSON.stringify({ FromUserName: 'gh_service', CreateTime: 77, MsgType: 'event', Event: 'user_authorization_cancellation',
				OpenID: s.userinfo.openId });
			assert.equal((await post(json, signed())).text, 'success');
			assert.equal((await sys.call('GET', 'user', { headers: s.headers })).status, 401);
		}
	});

	test('messages without sender and time are told apart by what they say', async () => {
		for (const text of ['one', 'two', 'one'])
			assert.equal((await post(JSON.stringify({ MsgType: 'event', Event: 'bare', text }), signed())).text, 'success');
		assert.deepEqual(events(sys).filter((e) => e.event === 'bare').map((e) => e.data.text), ['one', 'two']);
	});

	test('a byte order mark before a message is passed over', async () => {
		for (const body of [`\ufeff${event('json behind a mark')}`,
			'\ufeff<xml><FromUserName>o</FromUserName><CreateTime>2</CreateTime><MsgType>event</MsgType><Event>xml behind a mark</Event></xml>'])
			assert.equal((await post(body, signed())).text, 'success', body);
		assert.deepEqual(events(sys).map((e) => e.event).filter((name) => /behind/.test(name)).sort(), ['json behind a mark', 'xml behind a mark']);
	});

	test('what could not be kept is heard when WeChat tells it again', async (t) => {
		const own = await startSystem({ web: 'nginx' });
		t.after(() => own.stop());
		await own.login('before');
		const limit = (bytes) => execFileSync('prlimit', ['--pid', String(own.loginProgram.child.pid), `--fsize=${bytes}`]);
		const json = event('kept at last'), query = signed();
		const send = () => own.call('POST', 'message', { body: json, query });
		limit('8192:unlimited');
		assert.equal((await send()).status, 503);
		limit('unlimited:unlimited');
		assert.equal((await send()).text, 'success');
		assert.deepEqual(events(own).map((e) => e.event), ['kept at last']);
		assert.equal((await send()).text, 'success');
		assert.equal(events(own).length, 1);
	});

	test('with a key plain messages are taken, too, if they are signed', async (t) => {
		const own = await startSystem({ web: 'nginx', config: { wechat: { message_aes_key: aesKey } } });
		t.after(() => own.stop());
		assert.equal((await own.call('POST', 'message', { body: event('plain'), query: signed() })).text, 'success');
		assert.equal((await own.call('POST', 'message', { body: event('forged'), query: { ...signed(), signature: '0'.repeat(40) } })).status, 400);
		assert.deepEqual(events(own).map((e) => e.event), ['plain']);
	});

	test('in safe mode nothing plain and nothing for others is believed', async (t) => {
		const own = await startSystem({ web: 'nginx', config: { wechat: { message_aes_key: aesKey, message_mode: 'safe' } } });
		t.after(() => own.stop());
		const encrypt = (text, id = appId) => {
			const key = Buffer.from(`${aesKey}=`, 'base64');
			const length = Buffer.alloc(4);
			length.writeUInt32BE(Buffer.byteLength(text));
			let plain = Buffer.concat([crypto.randomBytes(16), length, Buffer.from(text), Buffer.from(id)]);
			const pad = 32 - plain.length % 32;
			plain = Buffer.concat([plain, Buffer.alloc(pad, pad)]);
			const cipher = crypto.createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
			return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
		};
		const send = (Encrypt, more = {}) => {
			const query = signed();
			return own.call('POST', 'message', { body: JSON.stringify({ ToUserName: 'gh_1', Encrypt }),
				query: { ...query, encrypt_type: 'aes', msg_signature: sign(token, query.timestamp, query.nonce, Encrypt), ...more } });
		};
		assert.equal((await send(encrypt(event('right')))).text, 'success');
		assert.equal((await own.call('POST', 'message', { body: event('plain'), query: signed() })).status, 400);
		assert.equal((await send(encrypt(event('unsigned')), { msg_signature: '0'.repeat(40) })).status, 400);
		assert.equal((await send(encrypt(event('foreign'), 'wxffffffffffffffff'))).body.error, 'ERR_BAD_ENCRYPTED_DATA');
		assert.equal((await send(Buffer.alloc(64).toString('base64'))).body.error, 'ERR_BAD_ENCRYPTED_DATA');
		assert.deepEqual(events(own).map((e) => e.event), ['right']);
	});
});

test('without a token there is no message push', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { wechat: { message_token: '' } } });
	t.after(() => sys.stop());
	assert.equal((await sys.call('GET', 'message', { query: { signature: 'x', timestamp: 1, nonce: 2, echostr: 'y' } })).status, 404);
});

test('a picture that WeChat\'s check refuses is removed, and told to the push server', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { media: { check: 'on' } } });
	t.after(() => sys.stop());
	await sys.sandbox('PUT', 'push', { url: `${sys.weapp}/message`, token, mode: 'plain', format: 'json' });
	const s = await sys.login('risky');
	const risky = Buffer.concat([files.png, Buffer.from('risky!')]);
	const up = await sys.call('POST', 'upload', { headers: s.headers, body: files.form(risky) });
	assert.equal(up.status, 200, up.text);
	await sys.call('POST', 'profile', { headers: s.headers, json: { avatarUrl: up.body.data.url } });
	const good = await sys.call('POST', 'upload', { headers: s.headers, body: files.form(files.png) });
	await sys.loginProgram.line(/ media-verdict .*risky=1/);
	await sys.loginProgram.line(/ media-verdict .*risky=0/);
	assert.deepEqual(fs.readdirSync(sys.file('media')), [good.body.data.name]);
	await sys.call('GET', 'health');
	const verdicts = events(sys).filter((e) => e.kind === 'media');
	assert.deepEqual(verdicts.map(({ url, uid, risky: is }) => [url, uid, is]).sort(),
		[[up.body.data.url, s.uid, true], [good.body.data.url, s.uid, false]].sort());
	const { body } = await sys.call('GET', 'user', { headers: s.headers });
	assert.match(body.data.avatarUrl, /\/avatar\?uid=/);
});

test('a verdict is carried out when WeChat tells it again, whatever came between', async (t) => {
	const bucket = await startBucket(t);
	const sys = await startSystem({ web: 'nginx', config: { media: { ...bucket.config, check: 'on', quota_user_mb: 1 } } });
	t.after(() => sys.stop());
	const s = await sys.login('risky');
	const upload = () => sys.call('POST', 'upload', { headers: s.headers, body: files.form(Buffer.concat([files.png, Buffer.alloc(600 << 10)])) });
	const up = await upload();
	assert.equal(up.status, 200, up.text);
	const { url } = up.body.data;
	assert.equal((await upload()).status, 413);
	const check = (await sys.sandbox('GET', 'sent')).mediaChecks.find((c) => c.media_url === url);
	const verdict = JSON.stringify({ ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: 5, MsgType: 'event', Event: 'wxa_media_check',
		trace_id: check.trace_id, version: 2, errcode: 0, errmsg: 'ok', result: { suggest: 'risky', label: 20002 } });
	const tell = () => sys.call('POST', 'message', { body: verdict, query: signed() });

	bucket.answer = (request, response) => response.writeHead(503).end();
	assert.equal((await tell()).status, 503, 'the bucket did not remove it');
	assert.ok(!sys.loginProgram.text().includes(' media-removed '));
	const asked = new Promise((resolve) => { bucket.answer = resolve; });
	const cut = tell();
	await asked;
	await sys.loginProgram.kill('SIGKILL');
	assert.notEqual((await cut).status, 200);
	await sys.startLogin();
	bucket.answer = (request, response) => response.writeHead(404).end();
	assert.equal((await tell()).text, 'success', 'it is gone, which is what was wanted');
	assert.deepEqual(events(sys).map((e) => [e.kind, e.url, e.risky]), [['media', url, true]]);
	bucket.answer = (request, response) => response.end();
	assert.equal((await upload()).status, 200, 'its bytes were not given back');
});
