// What wechat-sandbox promises: WeChat's codes, keys, signatures and ciphertext, checked here
// with Node's own crypto, and each of its faults as a client meets it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const bin = path.resolve(root, process.env.WXCHAT_BUILD ?? 'build/bin', 'wechat-sandbox');
const appid = 'wx0123456789abcdef';
const secret = '0123456789abcdef0123456789abcdef';

async function start(...args) {
  const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
  return { child, url: line.match(/^listening on (http:\/\/127\.0\.0\.1:\d+)$/)[1] };
}

async function stop({ child }) {
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null], 'it did not end tidily');
}

/* A sandbox for one test alone, and what calls it. */
async function alone(t, ...args) {
  const own = await start(...args);
  t.after(() => stop(own));
  return { ...own, call: (method, where, body) => json(method, where, body, own.url) };
}

let box;
before(async () => { box = await start(); });
after(() => stop(box));

async function json(method, where, body, base = box.url) {
  const answer = await fetch(base + where, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}
const wx = (api, user, options = {}) => json('POST', `/sandbox/${api}`, { user, ...options });
const toSession = (code, more = {}) => json('GET', '/sns/jscode2session?' + new URLSearchParams({
  appid, secret, js_code: code, grant_type: 'authorization_code', ...more }));
const login = async (user, options) => toSession((await wx('login', user, options)).code);
const token = async () => (await json('POST', '/cgi-bin/stable_token',
  { grant_type: 'client_credential', appid, secret })).access_token;
const withToken = async (where, body) =>
  json('POST', `${where}?access_token=${await token()}`, body);
const sha1 = (...parts) => crypto.createHash('sha1').update(parts.join('')).digest('hex');

function decrypt(key, { encryptedData, iv }) {
  const d = crypto.createDecipheriv('aes-128-cbc', Buffer.from(key, 'base64'),
    Buffer.from(iv, 'base64'));
  return JSON.parse(d.update(encryptedData, 'base64', 'utf8') + d.final('utf8'));
}

// --- codes and sessions ---

test('a code becomes a session, once', async () => {
  const { errMsg, code } = await wx('login', 'once');
  assert.equal(errMsg, 'login:ok');
  assert.match(code, /^[A-Za-z0-9]{32}$/);
  const s = await toSession(code);
  assert.match(s.openid, /^o[A-Za-z0-9_-]{27}$/);
  assert.equal(Buffer.from(s.session_key, 'base64').length, 16);
  assert.equal(s.session_key.length, 24);
  assert.equal(s.errcode, undefined);
  assert.equal((await toSession(code)).errcode, 40163);
});

test('each mistake in code2Session has its own errcode', async () => {
  const { code } = await wx('login', 'mistakes');
  for (const [errcode, more] of [
    [41002, { appid: '' }], [41004, { secret: '' }], [41008, { js_code: '' }],
    [40013, { appid: 'wxffffffffffffffff' }], [40125, { secret: 'wrong' }],
    [40002, { grant_type: 'x' }], [40029, { js_code: 'nobody' }],
    [40029, { js_code: (await wx('phone', 'mistakes')).code }],
  ])
    assert.equal((await toSession(code, more)).errcode, errcode, JSON.stringify(more));
  assert.equal((await toSession(code)).errcode, undefined, 'the code was spent by a mistake');
});

test('code2Session says text/plain', async () => {
  const answer = await fetch(`${box.url}/sns/jscode2session?appid=x`);
  assert.equal(answer.headers.get('content-type'), 'text/plain');
});

test('a code dies after five minutes, and a key is renewed after an hour', async t => {
  const { call } = await alone(t);
  const exchange = async code => call('GET', '/sns/jscode2session?' + new URLSearchParams({
    appid, secret, js_code: code, grant_type: 'authorization_code' }));
  const code = async () => (await call('POST', '/sandbox/login', { user: 'u' })).code;
  const early = await code(), late = await code();
  await call('POST', '/sandbox/clock', { advance: 299 });
  const first = await exchange(early);
  assert.ok(first.openid);
  await call('POST', '/sandbox/clock', { advance: 2 });
  assert.equal((await exchange(late)).errcode, 40029);
  assert.equal((await exchange(await code())).session_key, first.session_key);
  await call('POST', '/sandbox/clock', { advance: 3600 });
  assert.notEqual((await exchange(await code())).session_key, first.session_key);
});

test('a person is the same in every run; newKey changes the key alone', async () => {
  const a = await login('steady'), b = await login('steady');
  assert.deepEqual(a, b);
  const c = await login('steady', { newKey: true });
  assert.equal(c.openid, a.openid);
  assert.notEqual(c.session_key, a.session_key);
});

// --- userInfo and phone ---

test('userInfo is signed and encrypted under the session key', async () => {
  const s = await login('小明');
  const u = await wx('userinfo', '小明');
  assert.equal(u.errMsg, 'getUserInfo:ok');
  assert.equal(u.signature, sha1(u.rawData, s.session_key));
  assert.deepEqual(JSON.parse(u.rawData), u.userInfo);
  assert.match(u.userInfo.nickName, /\p{Script=Han}/u);
  const plain = decrypt(s.session_key, u);
  assert.equal(plain.openId, s.openid);
  assert.equal(plain.nickName, u.userInfo.nickName);
  assert.equal(plain.watermark.appid, appid);
  assert.ok(Math.abs(plain.watermark.timestamp - Date.now() / 1000) < 600);
  const avatar = await fetch(u.userInfo.avatarUrl);
  assert.match(avatar.headers.get('content-type'), /^image\/svg\+xml/);
  assert.match(await avatar.text(), /^<svg /);
});

test('userInfo as the rules of later years have it, and forged', async () => {
  const s = await login('later');
  const u = await wx('userinfo', 'later',
    { anonymous: true, noOpenId: true, appid: 'wxother', timestamp: 17 });
  assert.equal(u.userInfo.nickName, '微信用户');
  const plain = decrypt(s.session_key, u);
  assert.equal(plain.openId, undefined);
  assert.deepEqual(plain.watermark, { timestamp: 17, appid: 'wxother' });
});

test('a profile is what the test made it, in bytes of every kind', async () => {
  const nickName = '"<\\/>\u0001 🐼 e\u0301';
  const set = await json('PUT', '/sandbox/user',
    { user: 'made', nickName, avatarUrl: 'https://example.com/a.png', openid: 'oMade',
      unionid: 'uMade', phone: '13800000000' });
  assert.equal(set.errMsg, 'user:ok');
  const s = await login('made');
  assert.deepEqual([s.openid, s.unionid], ['oMade', 'uMade']);
  const u = await wx('userinfo', 'made');
  assert.equal(u.userInfo.nickName, nickName);
  assert.equal(u.signature, sha1(u.rawData, s.session_key));
  assert.equal(decrypt(s.session_key, u).unionId, 'uMade');
  const taken = await json('PUT', '/sandbox/user', { user: 'other', openid: 'oMade' });
  assert.match(taken.errMsg, /^user:fail/);
});

test('userInfo wants wx.login first', async () => {
  assert.match((await wx('userinfo', 'never logged in')).errMsg, /^getUserInfo:fail/);
});

test('a phone number comes by code, once, and by ciphertext', async () => {
  const s = await login('caller');
  const p = await wx('phone', 'caller');
  const plain = decrypt(s.session_key, p);
  const where = '/wxa/business/getuserphonenumber';
  const { errcode, phone_info } = await withToken(where, { code: p.code });
  assert.equal(errcode, 0);
  assert.match(phone_info.purePhoneNumber, /^138\d{8}$/);
  assert.equal(phone_info.phoneNumber, plain.phoneNumber);
  assert.equal((await withToken(where, { code: p.code })).errcode, 40163);
  assert.equal((await withToken(where, { code: (await wx('login', 'caller')).code })).errcode,
    40029);
});

// --- session keys and tokens ---

test('checksession and reset believe the HMAC of the key as text', async () => {
  const s = await login('hmac');
  const signed = async (where, key) => json('GET', `${where}?` + new URLSearchParams({
    access_token: await token(), openid: s.openid, sig_method: 'hmac_sha256',
    signature: crypto.createHmac('sha256', key).update('').digest('hex') }));
  assert.equal((await signed('/wxa/checksession', s.session_key)).errcode, 0);
  assert.equal((await wx('checksession', 'hmac')).errMsg, 'checkSession:ok');
  const reset = await signed('/wxa/resetusersessionkey', s.session_key);
  assert.equal(reset.openid, s.openid);
  assert.notEqual(reset.session_key, s.session_key);
  assert.equal((await signed('/wxa/checksession', s.session_key)).errcode, 87009);
  assert.equal((await signed('/wxa/checksession', reset.session_key)).errcode, 0);
  assert.match((await wx('checksession', 'hmac')).errMsg, /^checkSession:fail/);
});

test('stable tokens are the same until renewed; plain ones change with each call', async t => {
  const { call } = await alone(t);
  const ask = more => call('POST', '/cgi-bin/stable_token',
    { grant_type: 'client_credential', appid, secret, ...more });
  const plain = () => call('GET', '/cgi-bin/token?' + new URLSearchParams({
    grant_type: 'client_credential', appid, secret }));
  const check = async text => (await call('POST', `/wxa/msg_sec_check?access_token=${text}`,
    { content: 'x' })).errcode;
  const pass = s => call('POST', '/sandbox/clock', { advance: s });

  const a = await ask(), b = await ask();
  assert.equal(a.access_token, b.access_token);
  assert.ok(a.expires_in <= 7200 && a.expires_in > 7000);
  await pass(6950);
  const c = await ask();
  assert.notEqual(c.access_token, a.access_token);
  assert.deepEqual([await check(a.access_token), await check(c.access_token)], [0, 0]);
  await pass(300);
  assert.equal(await check(a.access_token), 42001);
  const d = await ask({ force_refresh: true });
  assert.equal(await check(c.access_token), 40001);
  assert.equal(await check(d.access_token), 0);
  assert.equal((await ask({ force_refresh: true })).errcode, 45011);

  const p = await plain(), q = await plain();
  assert.notEqual(p.access_token, q.access_token);
  assert.equal(await check(p.access_token), 0);
  await pass(301);
  assert.deepEqual([await check(p.access_token), await check(q.access_token)], [42001, 0]);
  assert.deepEqual([await check(''), await check('short'), await check('9'.repeat(136))],
    [41001, 40014, 40001]);
});

// --- content checks, pushes, subscribe messages ---

test('texts are judged, for people who are here', async () => {
  const { openid } = await login('writer');
  const check = more => withToken('/wxa/msg_sec_check',
    { version: 2, scene: 2, openid, content: '你好', ...more });
  assert.deepEqual((await check()).result, { suggest: 'pass', label: 100 });
  assert.equal((await check({ content: 'so risky!' })).result.suggest, 'risky');
  assert.equal((await check({ content: '特3456书yuuo莞6543李zxcz蒜7782法fgnv级' }))
    .result.suggest, 'risky');
  assert.equal((await check({ content: 'review!' })).result.suggest, 'review');
  assert.equal((await check({ scene: 9 })).errcode, 40129);
  assert.equal((await check({ openid: 'oNobody' })).errcode, 40003);
  assert.equal((await check({ content: '字'.repeat(2501) })).errcode, 45002);
  const idle = await json('PUT', '/sandbox/user', { user: 'never here' });
  assert.equal((await check({ openid: idle.openid })).errcode, 61010);
  assert.equal((await json('POST', '/wxa/msg_sec_check')).errcode, 41001);
});

/* A developer's server: answers what reply says, and hands out each request with its body. */
async function developer(t, reply = () => 'success') {
  const waiting = [], came = [];
  const server = http.createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    const request = { method: req.method, url: new URL(req.url, 'http://x'),
      body: Buffer.concat(parts).toString() };
    const text = reply(request);
    if (text === null) res.writeHead(500).end();
    else res.end(text);
    if (waiting.length) waiting.shift()(request);
    else came.push(request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    next: () => came.length ? came.shift() : new Promise(r => waiting.push(r)),
  };
}

const picture = r => r.method === 'GET' ? 'a picture that is risky!' : 'success';
const parameters = r => Object.fromEntries(r.url.searchParams);

test('a media check downloads, and pushes its verdict in plain mode', async t => {
  const { call } = await alone(t);
  const dev = await developer(t, picture);
  await call('PUT', '/sandbox/push', { url: `${dev.url}/message`, token: 'AAAAA' });
  await call('POST', '/sandbox/login', { user: 'u' });
  const { openid } = await call('GET', '/sandbox/user?user=u');
  const { access_token } = await call('POST', '/cgi-bin/stable_token',
    { grant_type: 'client_credential', appid, secret });
  const where = `/wxa/media_check_async?access_token=${access_token}`;
  const { errcode, trace_id } = await call('POST', where,
    { media_url: `${dev.url}/p.png`, media_type: 2, version: 2, scene: 1, openid });
  assert.equal(errcode, 0);
  assert.equal((await dev.next()).url.pathname, '/p.png');
  const push = await dev.next();
  const { signature, timestamp, nonce } = parameters(push);
  assert.equal(signature, sha1(...['AAAAA', timestamp, nonce].sort()));
  const event = JSON.parse(push.body);
  assert.equal(event.Event, 'wxa_media_check');
  assert.equal(event.trace_id, trace_id);
  assert.equal(event.FromUserName, openid);
  assert.equal(event.result.suggest, 'risky');
  assert.equal((await call('GET', '/sandbox/sent')).mediaChecks[0].trace_id, trace_id);
});

test('safe mode is encrypted and signed over the ciphertext, in JSON and XML', async t => {
  const aesKey = crypto.randomBytes(99).toString('base64').replace(/[+/]/g, '').slice(0, 42) + '9';
  const dev = await developer(t);
  const { call } = await alone(t, '-u', dev.url, '-t', 'tok', '-k', aesKey);
  const open = encrypt => {
    const key = Buffer.from(aesKey + '=', 'base64');
    const d = crypto.createDecipheriv('aes-256-cbc', key, key.subarray(0, 16));
    d.setAutoPadding(false);
    const plain = Buffer.concat([d.update(encrypt, 'base64'), d.final()]);
    assert.equal(plain.length % 32, 0);
    const end = plain.length - plain.at(-1), len = plain.readUInt32BE(16);
    assert.equal(plain.subarray(20 + len, end).toString(), appid);
    return plain.subarray(20, 20 + len).toString();
  };
  for (const format of ['json', 'xml']) {
    await call('PUT', '/sandbox/push', { format });
    const sent = await call('POST', '/sandbox/push',
      { message: { ToUserName: 'gh', Content: '你好 ]]> <a>', List: [1, 2] } });
    assert.deepEqual(sent,
      { errMsg: 'push:ok', accepted: true, status: 200, answer: 'success' });
    const push = await dev.next();
    const encrypt = format === 'json' ? JSON.parse(push.body).Encrypt
      : push.body.match(/<Encrypt><!\[CDATA\[(.*)\]\]><\/Encrypt>/)[1];
    const { msg_signature, timestamp, nonce, encrypt_type } = parameters(push);
    assert.equal(encrypt_type, 'aes');
    assert.equal(msg_signature, sha1(...['tok', timestamp, nonce, encrypt].sort()));
    assert.equal(open(encrypt), format === 'json'
      ? '{"ToUserName":"gh","Content":"你好 ]]> <a>","List":[1,2]}'
      : '<xml><ToUserName><![CDATA[gh]]></ToUserName>' +
        '<Content><![CDATA[你好 ]]]]><![CDATA[> <a>]]></Content>' +
        '<List>1</List><List>2</List></xml>');
  }
});

test('a push is tried three times; a verification believes the echo alone', async t => {
  const { call } = await alone(t);
  let answer = null;
  const dev = await developer(t, r => answer ?? (r.method === 'GET'
    ? parameters(r).echostr : null));
  await call('PUT', '/sandbox/push', { url: dev.url, token: 'tok' });
  assert.equal((await call('POST', '/sandbox/push', { verify: true })).accepted, true);
  const failed = await call('POST', '/sandbox/push', { message: { Event: 'e' } });
  assert.deepEqual([failed.accepted, failed.status], [false, 500]);
  const { pushes } = await call('GET', '/sandbox/sent');
  assert.deepEqual(pushes.map(p => p.attempt), [1, 1, 2, 3]);
  answer = 'not the echo';
  assert.equal((await call('POST', '/sandbox/push', { verify: true })).accepted, false);
});

test('nothing is pushed to other machines', async () => {
  for (const url of ['https://127.0.0.1/x', 'http://example.com/', 'http://10.0.0.1/', 'x'])
    assert.match((await json('PUT', '/sandbox/push', { url })).errMsg, /^push:fail url/);
});

test('one consent is one subscribe message', async () => {
  const { openid } = await login('reader');
  const send = (more = {}) => withToken('/cgi-bin/message/subscribe/send',
    { touser: openid, template_id: 'T1', page: 'pages/chat?room=r',
      data: { thing1: { value: '有新消息' }, time2: { value: '2019年10月1日 15:01' } }, ...more });
  assert.equal((await send()).errcode, 43101);
  const asked = await wx('subscribe', 'reader', { tmplIds: ['T1'] });
  assert.deepEqual(asked, { errMsg: 'requestSubscribeMessage:ok', T1: 'accept' });
  for (const [field, value] of [['thing1', '字'.repeat(21)], ['thing1', ''], ['thing1', 'a\nb'],
    ['number2', 'x'], ['phrase3', 'abc'], ['time4', 'soon'], ['date5', '2019'], ['no1', 'x']]) {
    const refused = await send({ data: { [field]: { value } } });
    assert.equal(refused.errcode, 47003, field);
    assert.match(refused.errmsg, new RegExp(`data\\.${field}\\.value`));
  }
  assert.equal((await send({ touser: 'oNobody' })).errcode, 40003);
  assert.equal((await send({ template_id: '' })).errcode, 40037);
  assert.equal((await send()).errcode, 0);
  assert.equal((await send()).errcode, 43101);
  await wx('subscribe', 'reader', { tmplIds: ['T1'], choice: 'reject' });
  assert.equal((await send()).errcode, 43101);
  const { subscribe } = await json('GET', '/sandbox/sent');
  assert.equal(subscribe.length, 1);
  assert.equal(subscribe[0].user, 'reader');
  assert.equal(subscribe[0].data.thing1.value, '有新消息');
});

test('every field takes what it should', async () => {
  const { openid } = await login('fields');
  const values = { thing1: '二十个字以内', number1: '12.5', letter1: 'abc', symbol1: '!?',
    character_string1: 'A-1 #', time1: '15:01', time2: '2019-10-01 15:01~16:00',
    date1: '2019-10-01', amount1: '¥100.00元', amount2: '100', phone_number1: '+86-10-123',
    car_number1: '粤A8Z888挂', name1: '张三', phrase1: '已完成' };
  for (const [field, value] of Object.entries(values)) {
    await wx('subscribe', 'fields', { tmplIds: ['T'] });
    const { errcode } = await withToken('/cgi-bin/message/subscribe/send',
      { touser: openid, template_id: 'T', data: { [field]: { value } } });
    assert.equal(errcode, 0, field);
  }
});

// --- faults ---

/* Until n logins have reached the sandbox. */
async function came(own, n) {
  let log;
  do log = await own.call('GET', '/sandbox/log');
  while ((log.counts['/sandbox/login'] ?? 0) < n);
}

/* A test whose sandbox has one fault at /sandbox/login; in the end it must still answer. */
const faulty = (kind, options, check) => async t => {
  const own = await alone(t);
  await own.call('POST', '/sandbox/fault', { path: '/sandbox/login', kind, ...options });
  await check(() => fetch(`${own.url}/sandbox/login`, { method: 'POST', body: '{"user":"a"}' }),
    own);
  await own.call('GET', '/sandbox/log');
};

test('errcode: as often as asked, on a server path in WeChat\'s words', async () => {
  const where = '/wxa/msg_sec_check';
  await json('POST', '/sandbox/fault', { path: where, kind: 'errcode', errcode: -1, count: 2 });
  await json('POST', '/sandbox/fault',
    { path: where, kind: 'errcode', errcode: 40226, errmsg: 'blocked', count: 1 });
  const ask = () => json('POST', where);
  assert.deepEqual((await ask()).errcode, -1);
  assert.match((await ask()).errmsg, /^system error, rid: /);
  assert.match((await ask()).errmsg, /^blocked, rid: /);
  assert.equal((await ask()).errcode, 41001);
});

test('errcode on a phone fails as wx.* does', faulty('errcode', { errmsg: 'timeout' },
  async ask => assert.equal((await (await ask()).json()).errMsg, 'login:fail timeout')));

test('status: a gateway\'s page', faulty('status', { status: 504, body: '<p>' },
  async ask => {
    const answer = await ask();
    assert.equal(answer.status, 504);
    assert.equal(await answer.text(), '<p>');
  }));

test('delay: late, and nobody else waits', faulty('delay', { ms: 600000, count: 1 },
  async (ask, own) => {
    const gone = new AbortController();
    const late = fetch(`${own.url}/sandbox/login`,
      { method: 'POST', body: '{"user":"a"}', signal: gone.signal });
    await came(own, 1);
    assert.equal((await (await ask()).json()).errMsg, 'login:ok');
    gone.abort();
    await assert.rejects(late, { name: 'AbortError' });
  }));

test('delay: the right answer comes', faulty('delay', { ms: 20 },
  async ask => assert.equal((await (await ask()).json()).errMsg, 'login:ok')));

test('hang: no answer, though the server lives', faulty('hang', { count: 2 },
  async (ask, own) => {
    const gone = new AbortController();
    const hanging = [0, 1].map(() => fetch(`${own.url}/sandbox/login`,
      { method: 'POST', body: '{"user":"a"}', signal: gone.signal }));
    await came(own, 2);
    assert.equal((await (await ask()).json()).errMsg, 'login:ok');
    gone.abort();
    for (const h of hanging) await assert.rejects(h, { name: 'AbortError' });
  }));

test('a hanging client does not keep the sandbox from ending', faulty('hang', {},
  async (ask, own) => {
    ask().catch(() => {});
    await came(own, 1);
  }));

/* All bytes of an answer, as they come over the socket, and how it ended. */
async function raw(url) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(port, hostname);
  const body = '{"user":"raw"}';
  socket.write('POST /sandbox/login HTTP/1.1\r\nHost: x\r\n' +
    `Content-Length: ${body.length}\r\n\r\n${body}`);
  const parts = [];
  let error = null;
  socket.on('data', part => parts.push(part)).on('error', e => { error = e.code; });
  await new Promise(closed => socket.on('close', closed));
  return { bytes: Buffer.concat(parts), error };
}

test('close: not a byte', faulty('close', {}, async (ask, own) =>
  assert.deepEqual(await raw(own.url), { bytes: Buffer.alloc(0), error: null })));

test('close, raw: a reset', faulty('close', { raw: true }, async (ask, own) =>
  assert.equal((await raw(own.url)).error, 'ECONNRESET')));

test('garbage: HTTP with a body that is not JSON', faulty('garbage', {},
  async ask => assert.rejects((await ask()).json(), SyntaxError)));

test('garbage, raw: not even HTTP', faulty('garbage', { raw: true },
  async (ask, own) => {
    assert.ok(!(await raw(own.url)).bytes.toString('latin1').startsWith('HTTP'));
    await assert.rejects(ask());
  }));

test('truncate: half of what was promised', faulty('truncate', {},
  async (ask, own) => {
    const [head, body] = (await raw(own.url)).bytes.toString().split('\r\n\r\n');
    const promised = Number(head.match(/Content-Length: (\d+)/)[1]);
    assert.equal(body.length, Math.floor(promised / 2));
    assert.ok(body.startsWith('{"errMsg":"login:ok"'));
  }));

test('huge: the right answer, grown', faulty('huge', { bytes: 3000001 },
  async ask => {
    const text = await (await ask()).text();
    assert.equal(text.length, 3000001);
    assert.equal(JSON.parse(text).errMsg, 'login:ok');
  }));

test('ctlchars: control characters, raw, in a string', faulty('ctlchars', {},
  async ask => {
    const text = await (await ask()).text();
    assert.throws(() => JSON.parse(text), SyntaxError);
    assert.equal(JSON.parse(text.replace(/[\x00-\x1f]/g, '')).errMsg, 'login:ok');
  }));

test('slowbody: piece by piece, whole in the end', faulty('slowbody', { ms: 1, bytes: 7 },
  async ask => assert.equal((await (await ask()).json()).errMsg, 'login:ok')));

test('wrongtype: numbers for strings', faulty('wrongtype', {},
  async ask => assert.deepEqual(await (await ask()).json(), { errMsg: 17, code: 17 })));

test('faults are listed, cleared, and refused when they make no sense', async t => {
  const { call } = await alone(t);
  await call('POST', '/sandbox/fault', { path: '*', kind: 'hang', count: 3 });
  await call('POST', '/sandbox/fault', { path: '/cgi-bin/token', kind: 'close' });
  assert.deepEqual((await call('GET', '/sandbox/fault')).faults, [
    { path: '*', kind: 'hang', left: 3 }, { path: '/cgi-bin/token', kind: 'close' }]);
  assert.equal((await call('POST', '/sandbox/login', { user: 'a' })).errMsg, 'login:ok',
    '* means WeChat\'s servers, not the phones');
  await call('DELETE', '/sandbox/fault?path=*');
  assert.equal((await call('GET', '/sandbox/fault')).faults.length, 1);
  await call('DELETE', '/sandbox/fault');
  assert.deepEqual((await call('GET', '/sandbox/fault')).faults, []);
  for (const bad of [{ path: '*', kind: 'x' }, { kind: 'hang' },
    { path: '*', kind: 'hang', count: 0 }, { path: '*', kind: 'delay', ms: -1 }, { path: '*', kind: 'huge', bytes: '1' }])
    assert.match((await call('POST', '/sandbox/fault', bad)).errMsg, /^fault:fail/);
});

// --- the rest ---

test('the log names parameters and never shows their values', async () => {
  const { code } = await wx('login', 'logged');
  await toSession(code);
  const answer = await (await fetch(`${box.url}/sandbox/log`)).text();
  const { requests, counts } = JSON.parse(answer);
  assert.ok(counts['/sns/jscode2session'] >= 1);
  assert.deepEqual(requests.findLast(r => r.path === '/sns/jscode2session').query,
    ['appid', 'secret', 'js_code', 'grant_type']);
  for (const word of [secret, code]) assert.ok(!answer.includes(word));
});

test('pages of any origin may call the phones', async () => {
  const asked = await fetch(`${box.url}/sandbox/login`, { method: 'OPTIONS' });
  assert.equal(asked.headers.get('access-control-allow-origin'), '*');
  const answer = await fetch(`${box.url}/sandbox/login`, { method: 'POST', body: '{"user":"a"}' });
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
});

test('bad requests are refused, and it goes on', async () => {
  for (const body of ['', '[]', '{', '{"user":1}', '{"user":"a\\u0000b"}', '{"user":""}'])
    assert.match((await (await fetch(`${box.url}/sandbox/login`, { method: 'POST', body })).json())
      .errMsg, /^login:fail/);
  assert.equal((await json('GET', '/wxa/msg_sec_check')).errcode, 43002);
  assert.equal((await json('POST', '/cgi-bin/stable_token')).errcode, 44002);
  const broken = await fetch(`${box.url}/cgi-bin/stable_token`, { method: 'POST', body: '{' });
  assert.equal((await broken.json()).errcode, 47001);
  assert.equal((await fetch(`${box.url}/nothing`)).status, 404);
  const big = await fetch(`${box.url}/sandbox/login`,
    { method: 'POST', body: 'x'.repeat((1 << 16) + 1) });
  assert.equal(big.status, 413);
  assert.equal((await wx('login', 'still here')).errMsg, 'login:ok');
});

test('wrong options are refused before it listens', async () => {
  for (const args of [['-p', 'x'], ['-p', '70000'], ['-x'], ['left over'],
    ['-u', 'http://example.com/'], ['-u', 'http://127.0.0.1:1/', '-k', 'short']]) {
    const child = spawn(bin, args, { stdio: 'ignore' });
    const [status] = await once(child, 'exit');
    assert.ok(status === 1 || status === 2, args.join(' '));
  }
});
