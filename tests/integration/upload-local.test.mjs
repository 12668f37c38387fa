// Uploads into the media directory: what is taken and what is not, and how the web servers give it out again.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import * as files from './lib/files.mjs';
import { MAGIC, startSystem } from './lib/system.mjs';

const { form } = files;
const kept = (sys) => fs.readdirSync(sys.file('media'));

for (const web of ['lighttpd', 'apache', 'nginx'])
	describe(web, () => {
		let sys, s;
		before(async () => {
			sys = await startSystem({ web });
			s = await sys.login('uploader');
		});
		after(() => sys?.stop());

		const upload = (body) => sys.call('POST', 'upload', { headers: s.headers, body });

		test('each type that is allowed is taken by its content and given out safely', async () => {
			for (const [name, type, extension] of [
				['png', 'image/png', 'png'], ['jpeg', 'image/jpeg', 'jpg'], ['gif', 'image/gif', 'gif'],
				['webp', 'image/webp', 'webp'], ['mp3', 'audio/mpeg', 'mp3'], ['mp3Bare', 'audio/mpeg', 'mp3'],
				['wav', 'audio/x-wav', 'wav'], ['m4a', 'audio/mp4', 'm4a'], ['mp4', 'video/mp4', 'mp4'],
				['aac', 'audio/aac', 'aac'], ['pdf', 'application/pdf', 'pdf'],
			]) {
				const { status, text, body } = await upload(form(files[name], '../../etc/x.php'));
				assert.equal(status, 200, `${name}: ${text}`);
				assert.equal(body.code, 0);
				assert.equal(body.data.mimeType, type);
				assert.equal(body.data.size, files[name].length);
				assert.equal(body.data.url, body.data.imgUrl);
				assert.match(body.data.name, new RegExp(`^[0-9a-f]{32}\\.${extension}$`));
				assert.equal(body.data.url, `${sys.url}/media/${body.data.name}`);
				assert.equal(fs.statSync(sys.file('media', body.data.name)).mode & 0o777, 0o644);
				const got = await fetch(body.data.url);
				assert.equal(got.status, 200);
				assert.deepEqual(Buffer.from(await got.arrayBuffer()), files[name]);
				assert.equal(got.headers.get('x-content-type-options'), 'nosniff');
				assert.match(got.headers.get('cache-control'), /max-age=31536000, immutable/);
				if (name === 'pdf') {
					assert.equal(got.headers.get('content-disposition'), 'attachment');
				} else {
					assert.equal(got.headers.get('content-type'), type);
					assert.equal(got.headers.get('content-disposition'), null);
				}
			}
		});

		test('a large file passes, and one too large does not', async () => {
			const before = kept(sys).length;
			const big = Buffer.concat([files.jpeg, crypto.randomBytes((10 << 20) - files.jpeg.length)]);
			const { status, text, body } = await upload(form(big));
			assert.equal(status, 200, text);
			const got = Buffer.from(await (await fetch(body.data.url)).arrayBuffer());
			assert.ok(got.equals(big), 'it came back changed');
			const larger = await upload(form(Buffer.concat([big, Buffer.from('x')])));
			assert.equal(larger.status, 413);
			assert.equal(larger.body.error, 'ERR_TOO_LARGE');
			assert.equal(kept(sys).length, before + 1);
		});

		test('uploads on their way, lists and other names are not given out', async () => {
			fs.writeFileSync(sys.file('media', '.secret.png.part'), 'half');
			for (const path of ['.secret.png.part', '', '..%2fwxchat.conf', '%2e%2e/wxchat.conf'])
				assert.ok([400, 403, 404].includes((await fetch(`${sys.url}/media/${path}`)).status), path);
			fs.rmSync(sys.file('media', '.secret.png.part'));
		});
	});

describe('whatever the web server', () => {
	let sys, s;
	before(async () => {
		sys = await startSystem({ web: 'nginx' });
		s = await sys.login('uploader');
	});
	after(() => sys?.stop());

	const upload = (body, headers = {}) => sys.call('POST', 'upload', { headers: { ...s.headers, ...headers }, body });

	test('nobody uploads without a session', async () => {
		const { status, body } = await sys.call('POST', 'upload', { body: form(files.png) });
		assert.equal(status, 401);
		assert.equal(body[MAGIC], 1);
		assert.deepEqual(kept(sys), []);
	});

	test('pages, scripts, programs and text are refused whatever they are called', async () => {
		for (const name of ['html', 'svg', 'elf']) {
			const { status, body } = await upload(form(files[name], 'a.png', { type: 'image/png' }));
			assert.equal(status, 415, name);
			assert.deepEqual([body.code, body.error, body[MAGIC]], [1, 'ERR_UNSUPPORTED_MEDIA', undefined]);
		}
		assert.equal((await upload(form(Buffer.from('just text'), 'a.png'))).status, 415);
		assert.equal((await upload(form(Buffer.from([0x89, 0x50]), 'a.png'))).status, 415);
		assert.deepEqual(kept(sys), []);
	});

	test('fields may stand before and after the file', async () => {
		const data = form(files.png, 'x.png', { more: { room: '大厅', note: 'x'.repeat(5000) } });
		data.append('last', 'field');
		const { status, text } = await upload(data);
		assert.equal(status, 200, text);
	});

	test('forms that are none are bad requests, and leave nothing', async () => {
		const before = kept(sys).length;
		const two = form(files.png);
		two.append('file', new Blob([files.png]), 'b.png');
		for (const [what, body, headers] of [
			['no form', '{}', { 'content-type': 'application/json' }],
			['no field named file', form(files.png, 'a.png', { field: 'picture' })],
			['an empty file', form(Buffer.alloc(0))],
			['two files', two],
			['no boundary', 'x', { 'content-type': 'multipart/form-data' }],
			['no end', '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + 'GIF89a'.padEnd(9000, 'x'),
				{ 'content-type': 'multipart/form-data; boundary=B' }],
			['garbage', crypto.randomBytes(10000), { 'content-type': 'multipart/form-data; boundary=B' }],
		]) {
			const answer = await upload(body, headers);
			assert.equal(answer.status, 400, `${what}: ${answer.text}`);
			assert.equal(answer.body.error, 'ERR_BAD_REQUEST', what);
		}
		assert.equal(kept(sys).length, before);
	});

	test('a phone that leaves in the middle leaves nothing behind', async () => {
		const before = kept(sys).length;
		const socket = net.connect(sys.port, '127.0.0.1');
		await once(socket, 'connect');
		const head = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n';
		socket.write(`POST /weapp/upload HTTP/1.1\r\nHost: x\r\nX-WX-Skey: ${s.both}\r\nContent-Length: 5000000\r\n` +
			`Content-Type: multipart/form-data; boundary=B\r\n\r\n${head}`);
		socket.write(files.jpeg);
		socket.end(Buffer.alloc(100000));
		await once(socket, 'close');
		assert.equal((await upload(form(files.png))).status, 200);
		assert.equal(kept(sys).length, before + 1);
	});

	test('what a killed program left is removed at the next start', async () => {
		const left = sys.file('media', '.0123456789abcdef0123456789abcdef.jpg.part');
		fs.writeFileSync(left, 'half');
		fs.utimesSync(left, new Date(0), new Date(0));
		await sys.loginProgram.stop();
		await sys.startLogin();
		await sys.loginProgram.line(/ upload-swept /);
		assert.ok(!fs.existsSync(left));
	});
});

test('quotas hold for one user and for all', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { media: { quota_user_mb: 1, quota_total_mb: 2 } } });
	t.after(() => sys.stop());
	const half = Buffer.concat([files.jpeg, Buffer.alloc(600 << 10)]);
	const put = async (s) => (await sys.call('POST', 'upload', { headers: s.headers, body: form(half) }));
	const [a, b, c, d] = await Promise.all(['a', 'b', 'c', 'd'].map((user) => sys.login(user)));
	assert.equal((await put(a)).status, 200);
	const over = await put(a);
	assert.equal(over.status, 413);
	assert.equal(over.body.error, 'ERR_TOO_LARGE');
	assert.equal((await put(b)).status, 200);
	assert.equal((await put(c)).status, 200);
	assert.equal((await put(d)).status, 413);
	assert.equal(kept(sys).length, 3);
});

test('a small file counts as the block that it takes', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { media: { quota_user_mb: 1 } } });
	t.after(() => sys.stop());
	const s = await sys.login('crumbs');
	const put = async (bytes) => (await sys.call('POST', 'upload', { headers: s.headers, body: form(bytes) })).status;
	assert.equal(await put(Buffer.concat([files.jpeg, Buffer.alloc((1 << 20) - 2 * 4096 - files.jpeg.length)])), 200);
	assert.deepEqual([await put(files.png), await put(files.png), await put(files.png)], [200, 200, 413]);
});

test('a full disk is told, and nothing is left', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { media: { dir: '/proc/nowhere' } } });
	t.after(() => sys.stop());
	const s = await sys.login('full');
	const { status, body } = await sys.call('POST', 'upload', { headers: s.headers, body: form(files.png) });
	assert.equal(status, 503);
	assert.equal(body.error, 'ERR_STORE');
	assert.equal((await sys.call('GET', 'user', { headers: s.headers })).status, 200);
});

test('the operator decides what may be uploaded', async (t) => {
	const sys = await startSystem({ web: 'nginx', config: { media: { types: 'image/png', url: 'https://cdn.example.com/m/' } } });
	t.after(() => sys.stop());
	const s = await sys.login('types');
	const taken = await sys.call('POST', 'upload', { headers: s.headers, body: form(files.png) });
	assert.match(taken.body.data.url, /^https:\/\/cdn\.example\.com\/m\/[0-9a-f]{32}\.png$/);
	assert.equal((await sys.call('POST', 'upload', { headers: s.headers, body: form(files.gif) })).status, 415);
	assert.equal((await sys.call('GET', 'upload', { headers: s.headers, query: { direct: 1 } })).status, 404);
});
