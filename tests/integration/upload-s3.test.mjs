// Uploads into a bucket, against a server that speaks S3 and checks the signatures of requests.  It takes posted forms
// without looking at their policies, so those are checked here as AWS documents it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import S3rver from '@20minutes/s3rver';
import { startBucket } from './lib/bucket.mjs';
import * as files from './lib/files.mjs';
import { startSystem } from './lib/system.mjs';

const { form } = files;
const secret = 'S3RVER';	// of the key S3RVER, as that server has it
let sys, s3, s3Url, directory, s;

before(async () => {
	directory = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-s3-'));
	s3 = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: 'chat' }] });
	s3Url = `http://127.0.0.1:${(await s3.run()).port}`;
	sys = await startSystem({ web: 'nginx', config: { media: bucket() } });
	s = await sys.login('bucket');
});
after(async () => {
	await sys?.stop();
	await s3?.close();
	fs.rmSync(directory, { recursive: true, force: true });
});

const bucket = (more = {}) => ({ store: 's3', s3_endpoint: s3Url, s3_bucket: 'chat', s3_key_id: 'S3RVER', s3_secret: secret, ...more });

test('a file streams through into the bucket', async () => {
	const big = Buffer.concat([files.jpeg, crypto.randomBytes(5 << 20)]);
	for (const [bytes, type] of [[files.png, 'image/png'], [big, 'image/jpeg']]) {
		const { status, text, body } = await sys.call('POST', 'upload', { headers: s.headers, body: form(bytes) });
		assert.equal(status, 200, text);
		assert.ok(body.data.url.startsWith(`${s3Url}/chat/`), body.data.url);
		const got = await fetch(body.data.url);
		assert.equal(got.headers.get('content-type'), type);
		assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
	}
	assert.deepEqual(fs.readdirSync(sys.file('media')), [], 'something stayed here');
});

test('a wrong secret is the operator\'s trouble, and not in the log', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { media: bucket({ s3_secret: 'wrong-secret' }) } });
	t.after(() => own.stop());
	const user = await own.login('wrong');
	const { status, body } = await own.call('POST', 'upload', { headers: user.headers, body: form(files.png) });
	assert.equal(status, 503);
	assert.equal(body.error, 'ERR_STORE');
	assert.match(own.logs(), /bucket-refused method=PUT status=403 answer=".*SignatureDoesNotMatch/);
	assert.ok(!own.logs().includes('wrong-secret'));
});

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

// What S3 does with a posted form: the policy's signature, its end, and that each field meets a condition.
function policyAllows({ fields }, size, now = new Date()) {
	const [key, day, region, service, end] = fields['x-amz-credential'].split('/');
	assert.deepEqual([key, service, end], ['S3RVER', 's3', 'aws4_request']);
	const signing = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), 's3'), 'aws4_request');
	if (hmac(signing, fields.policy).toString('hex') !== fields['x-amz-signature'])
		return 'signature';
	const policy = JSON.parse(Buffer.from(fields.policy, 'base64').toString());
	if (new Date(policy.expiration) <= now)
		return 'expired';
	const exact = new Map(policy.conditions.filter((c) => !Array.isArray(c)).flatMap(Object.entries));
	for (const [name, value] of Object.entries({ ...fields, bucket: 'chat' }))
		if (!['policy', 'x-amz-signature'].includes(name) && exact.get(name) !== value)
			return `field ${name}`;
	const [, least, most] = policy.conditions.find((c) => c[0] === 'content-length-range');
	return size >= least && size <= most ? 'ok' : 'size';
}

test('a phone puts a file into the bucket by a form that allows that one file', async () => {
	const query = { direct: 1, type: 'image/gif', size: files.gif.length };
	const { status, text, body } = await sys.call('GET', 'upload', { headers: s.headers, query });
	assert.equal(status, 200, text);
	const direct = body.data;
	assert.equal(policyAllows(direct.form, files.gif.length), 'ok');
	assert.equal(policyAllows(direct.form, files.gif.length + 1), 'size');
	assert.equal(policyAllows(direct.form, 10, new Date(direct.form.expires * 1000)), 'expired');
	assert.equal(policyAllows({ fields: { ...direct.form.fields, key: 'other.gif' } }, 10), 'field key');
	assert.equal(policyAllows({ fields: { ...direct.form.fields, 'Content-Type': 'text/html' } }, 10), 'field Content-Type');
	assert.match(direct.form.fields.key, /^[0-9a-f]{32}\.gif$/);
	const posted = await fetch(direct.form.url, { method: 'POST', body: form(files.gif, 'x.gif', { more: direct.form.fields }) });
	assert.equal(posted.status, 201, await posted.text());
	const got = await fetch(direct.fileUrl);
	assert.equal(got.headers.get('content-type'), 'image/gif');
	assert.deepEqual(Buffer.from(await got.arrayBuffer()), files.gif);
});

test('forms are only for what might be uploaded', async () => {
	const ask = async (query, headers = s.headers) => (await sys.call('GET', 'upload', { headers, query })).status;
	assert.equal(await ask({ direct: 1, type: 'text/html' }), 415);
	assert.equal(await ask({ direct: 1, size: (10 << 20) + 1 }), 413);
	assert.equal(await ask({ direct: 1, size: '1e3' }), 400);
	assert.equal(await ask({}), 400);
	assert.equal(await ask({ direct: 1 }, {}), 401);
});

test('what WeChat is to check does not pass it by', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { media: bucket({ check: 'on' }) } });
	t.after(() => own.stop());
	const user = await own.login('checked');
	const ask = (type) => own.call('GET', 'upload', { headers: user.headers, query: { direct: 1, type } });
	const image = await ask('image/png');
	assert.equal(image.status, 404, image.text);
	assert.equal(image.body.error, 'ERR_NOT_FOUND');	// after which the client uploads it in the usual way
	assert.equal((await ask('application/pdf')).status, 200, 'WeChat judges images and audio alone');
});

test('forms that nobody uses take nobody\'s space: without a quota of his own none gets one', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { media: bucket({ quota_total_mb: 20 }) } });
	t.after(() => own.stop());
	const user = await own.login('forms');
	const refused = await own.call('GET', 'upload', { headers: user.headers, query: { direct: 1 } });
	assert.deepEqual([refused.status, refused.body.error], [404, 'ERR_NOT_FOUND']);
	assert.equal((await own.call('POST', 'upload', { headers: user.headers, body: form(files.png) })).status, 200);
});

test('the bucket may have another name in public, and stand in the host\'s name', async (t) => {
	const own = await startSystem({ web: 'nginx', config: { media: bucket({ s3_style: 'host', s3_endpoint: 'https://cos.ap-shanghai.myqcloud.com',
		s3_region: 'ap-shanghai', s3_url: 'https://cdn.example.com/' }) } });
	t.after(() => own.stop());
	const user = await own.login('named');
	const { body } = await own.call('GET', 'upload', { headers: user.headers, query: { direct: 1 } });
	assert.equal(body.data.form.url, 'https://chat.cos.ap-shanghai.myqcloud.com');
	assert.match(body.data.fileUrl, /^https:\/\/cdn\.example\.com\/[0-9a-f]{32}\.jpg$/);
	assert.equal(policyAllows(body.data.form, 100), 'ok');
});

test('a file is sent again when the bucket had given up the connection', async (t) => {
	const tired = await startBucket(t);
	const own = await startSystem({ web: 'nginx', config: { media: tired.config, login: { threads: 1 } } });
	t.after(() => own.stop());
	const user = await own.login('again');
	const put = () => own.call('POST', 'upload', { headers: user.headers, body: form(files.png) });
	assert.equal((await put()).status, 200);
	let sent = 0;
	tired.sayContinue = () => {};	// a word, and it would be no dead connection; the file is sent without, after a second
	tired.answer = (request, response) => (sent++ ? response.end() : request.socket.destroy());
	assert.equal((await put()).status, 200);
	assert.equal(sent, 2);
});

// The ends of the reservations that have neither been kept nor been given back, in Unix time.
function reservations(sys) {
	const dump = execFileSync('mdb_dump', ['-s', 'expiry', sys.file('sessions')], { encoding: 'utf8' });
	return [...dump.matchAll(/^ 62([0-9a-f]{16})/gm)].map(([, end]) => parseInt(end, 16));
}

test('a program that is killed takes no space for uploads with it', async (t) => {
	const hung = await startBucket(t);
	const own = await startSystem({ web: 'nginx', config: { media: { ...hung.config, quota_user_mb: 1 } } });
	t.after(() => own.stop());
	const user = await own.login('killed');
	const put = () => own.call('POST', 'upload', { headers: user.headers, body: form(Buffer.concat([files.png, Buffer.alloc(300 << 10)])) });
	assert.equal((await put()).status, 200);
	hung.answer = (request, response) => response.writeHead(500).end();
	assert.equal((await put()).status, 503);
	assert.deepEqual(reservations(own), [], 'kept or given back, it is none any more');

	const asked = new Promise((resolve) => { hung.answer = resolve; });
	const cut = put();
	await asked;
	await own.loginProgram.kill('SIGKILL');
	assert.notEqual((await cut).status, 200);
	const [end, ...more] = reservations(own);
	assert.ok(end > Date.now() && end <= Date.now() + 3600 * 1000, `it ends at ${end}`);
	assert.deepEqual(more, []);
	hung.answer = (request, response) => response.end();
	await own.startLogin();
	assert.equal((await put()).status, 200, 'what was refused counts no more');
});
