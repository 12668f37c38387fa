// Another stand-in for WeChat than our sandbox: its published examples, and answers that are odd and legal.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { startSystem } from './lib/system.mjs';

const app_id = 'wx4f4bc4dec97d474b';
// WeChat's documentation, 开放数据校验与解密: a signature's example and a decryption's.
const signed = {
	session_key: 'HyVFkGl5F5OQWJZZaNzBBg==',
	rawData: '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}',
	signature: '75e81ceda165f4ffa64f4068af58c64b8f54b88c',
};
const sealed = {
	openid: 'oGZUI0egBJY1zhBYw2KhdUfwVJJE',
	session_key: 'tiihtNczf5v6AKRyjwEUhQ==',
	iv: 'r7BXXKkLb8qrSNn05n0qiA==',
	encryptedData: 'CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142d' +
		'NCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn' +
		'/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns' +
		'/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuy' +
		'Db/XcxxmK01EpqOyuxINew==',
};

let sys, wechat, answer;
before(async () => {
	wechat = http.createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
	await once(wechat, 'listening');
	sys = await startSystem({ config: { wechat: { app_id, api_base: `http://127.0.0.1:${wechat.address().port}` } } });
});
after(async () => {
	await sys?.stop();
	wechat.closeAllConnections();
	wechat.close();
});

const says = (body) => {
	answer = (_, response) => response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const login = (json) => sys.call('POST', 'login', { json: { code: 'c', ...json } });

test('the documentation\'s encrypted data logs in', async () => {
	says({ openid: sealed.openid, session_key: sealed.session_key });
	const { status, body, text } = await login({ encryptedData: sealed.encryptedData, iv: sealed.iv });
	assert.equal(status, 200, text);
	assert.deepEqual([body.data.userinfo.nickName, body.data.userinfo.openId, body.data.userinfo.city], ['Band', sealed.openid, 'Guangzhou']);
});

test('the documentation\'s signature logs in', async () => {
	says({ openid: 'oSigned', session_key: signed.session_key });
	const { status, body, text } = await login({ rawData: signed.rawData, signature: signed.signature });
	assert.equal(status, 200, text);
	assert.equal(body.data.userinfo.nickName, 'Band');
});

test('success is an openid and a session_key, whatever stands beside them', async () => {
	const good = { openid: 'oOdd', session_key: 'a made-up key' .replaceAll(' ', '-') };
	for (const body of [good, { ...good, errcode: 0, errmsg: 'ok' }, { ...good, errcode: null, unionid: null }, { ...good, unionid: '' },
		{ ...good, expires_in: 7200 }, `\ufeff${JSON.stringify(good)}`, `{"openid":"oOdd","session_key":"k","remark":"a\u0001b\tc"}`]) {
		says(body);
		const { status, text } = await login({});
		assert.equal(status, 200, `${JSON.stringify(body)}: ${text}`);
	}
});

test('a session_key that is none of WeChat\'s opens nothing', async () => {
	says({ openid: sealed.openid, session_key: 'made-up' });
	const { status, body } = await login({ encryptedData: sealed.encryptedData, iv: sealed.iv });
	assert.deepEqual([status, body.error], [400, 'ERR_BAD_ENCRYPTED_DATA']);
});

test('a number for a country code is a country code', async () => {
	says({ openid: 'oPhone', session_key: 'k' });
	const s = (await login({})).body.session;
	answer = (request, response) => response.end(JSON.stringify(request.url.startsWith('/cgi-bin/stable_token')
		? { access_token: 'T', expires_in: 7200 }
		: { errcode: 0, phone_info: { phoneNumber: '13800000000', purePhoneNumber: '13800000000', countryCode: 86 } }));
	const phone = await sys.call('POST', 'phone', { headers: { 'x-wx-id': s.id, 'x-wx-skey': s.skey }, json: { code: 'p' } });
	assert.equal(phone.status, 200, phone.text);
	assert.deepEqual(phone.body.data, { phoneNumber: '13800000000', purePhoneNumber: '13800000000', countryCode: '86' });
	answer = (_, response) => response.end('{"errcode":40029,"errmsg":"invalid code"}');
	const refused = await sys.call('POST', 'phone', { headers: { 'x-wx-id': s.id, 'x-wx-skey': s.skey }, json: { code: 'p' } });
	assert.equal(refused.status, 400);
	assert.match(refused.body.message, /WeChat did not take this code/);
});
