// Guarding other pages of the web server: lighttpd's and Apache's authorizers, nginx's auth_request.  The guarded page
// is a PHP script that prints who is logged in.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { MAGIC, answering, freePort, startSystem } from './lib/system.mjs';

const script = '<?php header("Content-Type: text/plain"); echo getenv("WX_UID") ?: $_SERVER["WX_UID"] ?? "", "|", ' +
	'getenv("WX_OPENID") ?: $_SERVER["WX_OPENID"] ?? "", "|", getenv("WX_NICKNAME") ?: $_SERVER["WX_NICKNAME"] ?? "";';

// The guard is what the example configurations say in their last lines.  Apache's has PHP from elsewhere, as Debian's does.
const ways = {
	lighttpd: {},
	apache: {
		webConfig: (sys) => `
<FilesMatch "\\.php$">
	SetHandler proxy:fcgi://127.0.0.1:${sys.options.php}
	ProxyFCGISetEnvIf true SCRIPT_FILENAME "${sys.file('www')}%{reqenv:SCRIPT_NAME}"
</FilesMatch>
`,
		tcp: true,
	},
	nginx: {},
};

for (const [web, way] of Object.entries(ways))
	describe(web, () => {
		let sys, s;
		before(async () => {
			const listen = way.tcp ? `127.0.0.1:${await freePort()}` : undefined;
			const php = way.tcp ? await freePort() : undefined;
			sys = await startSystem({ web, listen, php, webConfig: way.webConfig, guard: true });
			fs.mkdirSync(sys.file('www', 'members'), { recursive: true });
			for (const name of ['who.php', 'health'])
				fs.writeFileSync(sys.file('www', 'members', name), script);
			fs.writeFileSync(sys.file('www', 'open.txt'), 'open');
			await answering(php ?? sys.phpSocket, sys.start('/usr/bin/php-cgi', ['-b', php ? `127.0.0.1:${php}` : sys.phpSocket],
				{ env: { ...process.env, PHP_FCGI_CHILDREN: '1' } }));
			s = await sys.login('成员');
		});
		after(() => sys?.stop());

		const ask = async (headers, query = '') => {
			const answer = await fetch(`${sys.url}/members/who.php${query}`, { headers });
			return { status: answer.status, text: await answer.text() };
		};

		test('a page is told who is logged in', async () => {
			const expected = `${s.uid}|${s.userinfo.openId}|${s.userinfo.nickName}`;
			assert.deepEqual(await ask(s.headers), { status: 200, text: expected });
			assert.deepEqual(await ask({ 'x-wx-skey': s.both }), { status: 200, text: expected });
			assert.deepEqual(await ask({ authorization: `Bearer ${s.both}` }), { status: 200, text: expected });
			assert.deepEqual(await ask({}, `?X-WX-Id=${s.id}&X-WX-Skey=${s.skey}`), { status: 200, text: expected });
		});

		test('nobody else sees it, whatever it is called', async () => {
			for (const headers of [{}, { ...s.headers, 'x-wx-skey': '0'.repeat(64) }, { 'wx-uid': s.uid }]) {
				const { status, text } = await ask(headers);
				assert.equal(status, 401);
				assert.ok(!text.includes(s.uid));
				if (web !== 'nginx') {
					const body = JSON.parse(text);
					assert.deepEqual([body[MAGIC], body.code, body.error], [1, -1, 'ERR_INVALID_SESSION']);
				}
			}
			assert.equal((await fetch(`${sys.url}/members/health`)).status, 401);
		});

		test('everybody sees what is not guarded', async () => {
			assert.equal((await fetch(`${sys.url}/open.txt`)).status, 200);
			assert.equal((await sys.call('GET', 'health')).status, 200);
		});

		test('a posted form passes the guard', async () => {
			const answer = await fetch(`${sys.url}/members/who.php`, { method: 'POST', headers: s.headers, body: 'x'.repeat(5000) });
			assert.equal(answer.status, 200);
			assert.match(await answer.text(), new RegExp(`^${s.uid}`));
		});

		test('a session that has ended opens nothing', async () => {
			const out = await sys.login('成员');
			await sys.call('POST', 'logout', { headers: out.headers });
			assert.equal((await ask(out.headers)).status, 401);
		});
	});
