// The main path behind each web server in each way in which it can start the program, with the configuration files that
// are handed out.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test, before, after } from 'node:test';
import { MAGIC, startSystem } from './lib/system.mjs';

const ways = [
	['lighttpd', 'spawned'], ['lighttpd', 'socket'], ['lighttpd', 'cgi'],
	['apache', 'spawned'], ['apache', 'socket'], ['apache', 'cgi'],
	['nginx', 'socket'],
];

// One request as it stands, for what fetch would not send; the whole answer.
async function raw(port, text) {
	const socket = net.connect(port, '127.0.0.1');
	let answer = '';
	socket.setEncoding('utf8').on('data', (data) => { answer += data; });
	socket.write(text);	// nginx takes a half-closed connection for an abandoned one
	await once(socket, 'close');
	return answer;
}

for (const [web, login] of ways) {
	describe(`${web}, ${login}`, () => {
		let sys;
		before(async () => { sys = await startSystem({ web, login }); });
		after(() => sys?.stop());

		test('a user logs in, is known, and logs out', async () => {
			const s = await sys.login('小明');
			const { body } = s.answer;
			assert.equal(body[MAGIC], 1);
			assert.equal(body.code, 0);
			assert.match(body.session.id, /^[0-9a-f]{64}$/);
			assert.match(body.session.skey, /^[0-9a-f]{64}$/);
			assert.equal(body.data.skey, `${s.id}.${s.skey}`);
			assert.ok(Math.abs(body.session.expires - body.data.time - 86400) <= 1);
			assert.match(s.uid, /^[0-9a-f]{20}$/);
			const user = await sys.call('GET', 'user', { headers: s.headers });
			assert.equal(user.status, 200);
			assert.equal(user.body.code, 0);
			assert.equal(user.body.data.nickName, s.userinfo.nickName);
			assert.equal(user.body.data.userInfo.nickName, s.userinfo.nickName);
			assert.match(user.headers.get('content-type'), /^application\/json/);
			assert.equal(user.headers.get('cache-control'), 'no-store');
			const out = await sys.call('POST', 'logout', { headers: s.headers });
			assert.equal(out.body.code, 0);
			const gone = await sys.call('GET', 'user', { headers: s.headers });
			assert.equal(gone.status, 401);
			assert.deepEqual([gone.body[MAGIC], gone.body.code, gone.body.error, gone.body.data],
				[1, -1, 'ERR_INVALID_SESSION', {}]);
		});

		test('credentials are taken in every form', async () => {
			const s = await sys.login('forms');
			for (const [form, more] of [
				['two headers', { headers: { 'X-WX-Id': s.id, 'X-WX-Skey': s.skey } }],
				['one header', { headers: { 'X-WX-Skey': s.both } }],
				['bearer', { headers: { Authorization: `Bearer ${s.both}` } }],
				['query', { query: { 'X-WX-Id': s.id, 'X-WX-Skey': s.skey } }],
				['query of another case', { query: { 'x-wx-ID': s.id, 'x-wx-skey': s.skey } }],
				['query of one', { query: { 'X-WX-Skey': s.both } }],
				['a stray authorization', { headers: { 'X-WX-Skey': s.both, Authorization: 'Basic eDp5' } }],
			]) {
				const answer = await sys.call('GET', 'user', more);
				assert.equal(answer.status, 200, form);
				assert.equal(answer.body.data.uid, s.uid, form);
			}
			for (const [form, more] of [
				['nothing', {}],
				['id alone', { headers: { 'X-WX-Id': s.id } }],
				['another id', { headers: { 'X-WX-Id': s.id.replace(/^./, (c) => (c === '0' ? '1' : '0')), 'X-WX-Skey': s.skey } }],
				['another skey', { headers: { 'X-WX-Id': s.id, 'X-WX-Skey': s.skey.replace(/^./, (c) => (c === '0' ? '1' : '0')) } }],
				['half a skey', { headers: { 'X-WX-Id': s.id, 'X-WX-Skey': s.skey.slice(32) } }],
				['basic', { headers: { Authorization: 'Basic eDp5' } }],
			]) {
				const answer = await sys.call('GET', 'user', more);
				assert.equal(answer.status, 401, form);
				assert.equal(answer.body.error, 'ERR_INVALID_SESSION', form);
			}
		});

		test('all that login sends fits into headers or into the query', async () => {
			const wx = await sys.wx('userinfo', 'header').then((x) => x.errMsg.endsWith('ok') ? x : null);
			const code = await sys.code('header');
			const info = wx ?? await sys.wx('userinfo', 'header');
			const headers = { 'X-WX-Code': code, 'X-WX-Encrypted-Data': info.encryptedData, 'X-WX-IV': info.iv,
				'X-WX-RawData': encodeURIComponent(info.rawData), 'X-WX-Signature': info.signature };
			const byHeader = await sys.call('GET', 'login', { headers });
			assert.equal(byHeader.status, 200, byHeader.text);
			const again = await sys.wx('userinfo', 'header');
			const query = { 'X-WX-Code': await sys.code('header'), 'x-wx-encrypted-data': again.encryptedData,
				'X-WX-IV': again.iv, 'X-WX-RawData': again.rawData, 'X-WX-Signature': again.signature };
			const byQuery = await sys.call('GET', 'login', { query });
			assert.equal(byQuery.status, 200, byQuery.text);
		});

		test('base64 whose plus signs became blanks is understood', async () => {
			await sys.code('plus');
			for (let i = 0; i < 4; i++) {
				const code = await sys.code('plus');
				const { encryptedData, iv } = await sys.wx('userinfo', 'plus');
				const query = `code=${code}&iv=${encodeURIComponent(iv).replaceAll('%2B', '%20')}` +
					`&encryptedData=${encodeURIComponent(encryptedData).replaceAll('%2B', '%20')}`;
				const answer = await fetch(`${sys.weapp}/login?${query}`);
				assert.equal(answer.status, 200, await answer.text());
			}
		});

		test('rawData in the query is verified, whether its blanks or its plus signs came as plus signs', async () => {
			await sys.sandbox('PUT', 'user', { user: 'blanks', nickName: 'a + b' });
			for (const encode of [encodeURIComponent, (text) => new URLSearchParams({ a: text }).toString().slice(2),
				(text) => encodeURI(text).replaceAll('&', '%26')]) {
				const code = await sys.code('blanks');
				const { rawData, signature } = await sys.wx('userinfo', 'blanks');
				assert.ok(rawData.includes('a + b'), rawData);
				const answer = await fetch(`${sys.weapp}/login?code=${code}&signature=${signature}&rawData=${encode(rawData)}`);
				const body = await answer.json();
				assert.deepEqual([answer.status, body.data?.userinfo?.nickName], [200, 'a + b'], JSON.stringify(body));
			}
		});

		test('what is not there is 404, and other methods are 405', async () => {
			const none = await sys.call('GET', 'nothing');
			assert.equal(none.status, 404);
			assert.deepEqual(none.body.code, 1);
			assert.equal(none.body.error, 'ERR_NOT_FOUND');
			assert.equal(none.body[MAGIC], undefined);
			const put = await sys.call('PUT', 'login', { body: '{}' });
			assert.equal(put.status, 405);
			assert.equal(put.headers.get('allow'), 'GET, HEAD, POST');
			const get = await sys.call('GET', 'logout');
			assert.equal(get.status, 405);
			assert.equal(get.headers.get('allow'), 'POST');
			const head = await fetch(`${sys.weapp}/health`, { method: 'HEAD' });
			assert.equal(head.status, 200);
			assert.equal(await head.text(), '');
			const slash = await sys.call('GET', 'health/');
			assert.equal(slash.status, 200);
		});

		test('health tells the version', async () => {
			const { status, body } = await sys.call('GET', 'health');
			assert.equal(status, 200);
			assert.equal(body.status, 'ok');
			assert.match(body.version, /^\d+\.\d+\.\d+$/);
		});

		test('a header that comes twice with different values is not believed', async () => {
			const s = await sys.login('twice');
			const path = new URL(`${sys.weapp}/user`).pathname;
			const answer = await raw(sys.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-WX-Skey: ${s.both}\r\n` +
				`X-WX-Skey: ${'0'.repeat(64)}.${'0'.repeat(64)}\r\n\r\n`);
			assert.match(answer, /^HTTP\/1\.1 40[01] /);
			const alike = await raw(sys.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX_WX_Skey: ${s.both}\r\n` +
				`X-WX-Skey: ${'0'.repeat(64)}.${'0'.repeat(64)}\r\n\r\n`);
			assert.match(alike, /^HTTP\/1\.1 40[01] /);
		});

		test('a chunked body is read whole', async () => {
			const { rawData, signature } = (await sys.code('chunks'), await sys.wx('userinfo', 'chunks'));
			const json = JSON.stringify({ code: await sys.code('chunks'), rawData, signature });
			const body = new ReadableStream({
				start(controller) {
					for (const piece of [json.slice(0, 10), json.slice(10)])
						controller.enqueue(new TextEncoder().encode(piece));
					controller.close();
				},
			});
			const answer = await fetch(`${sys.weapp}/login`, { method: 'POST', body, duplex: 'half',
				headers: { 'content-type': 'application/json' } });
			assert.equal(answer.status, 200, await answer.text());
		});

		test('a body over the limit is 413', async () => {
			const answer = await sys.call('POST', 'login', { json: { code: 'x'.repeat(70 << 10) } });
			assert.equal(answer.status, 413);
			assert.equal(answer.body.error, 'ERR_TOO_LARGE');
			assert.equal((await sys.call('GET', 'health')).status, 200);
		});
	});
}
