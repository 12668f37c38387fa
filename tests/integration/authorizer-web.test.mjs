// Guarding other pages of the web server: lighttpd's and Apache's authorizers, nginx's auth_request.  The guarded page
// is a PHP script that prints who is logged in.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { MAGIC, answering, freePort, startSystem } from './lib/system.mjs';

const script = '<?php header("Content-Type: text/plain"); echo getenv("WX_UID") ?: $_SERVER["WX_UID"] ?? "", "|", ' +
	'getenv("WX_OPENID") ?: $_SERVER["WX_OPENID"] ?? "", "|", getenv("WX_NICKNAME") ?: $_SERVER["WX_NICKNAME"] ?? "";';

const ways = {
	lighttpd: {
		webConfig: (sys) => `
$HTTP["url"] =~ "^/members/" {
	fastcgi.server = (
		"/members/" => (( "socket" => var.wxchat_login, "mode" => "authorizer", "check-local" => "disable" )),
		".php" => (( "bin-path" => "/usr/bin/php-cgi", "socket" => "${sys.file('run', 'php.sock')}", "max-procs" => 1 ))
	)
}`,
	},
	apache: {
		webConfig: (sys) => `
AuthnzFcgiDefineProvider authn wxchat fcgi://${sys.options.listen}/
<Location /members>
	AuthType Basic
	AuthName wxchat
	AuthnzFcgiCheckAuthnProvider wxchat Authoritative On RequireBasicAuth Off UserExpr "%{reqenv:WX_UID}"
	Require valid-user
</Location>
<FilesMatch "\\.php$">
	SetHandler proxy:fcgi://127.0.0.1:${sys.options.php}
	ProxyFCGISetEnvIf true SCRIPT_FILENAME "${sys.file('www')}%{reqenv:SCRIPT_NAME}"
</FilesMatch>
`,
		tcp: true,
		php: true,
	},
	nginx: {
		webConfig: (sys) => `
location /members/ {
	auth_request /wxchat-user;
	auth_request_set $wx_uid $upstream_http_variable_wx_uid;
	auth_request_set $wx_openid $upstream_http_variable_wx_openid;
	auth_request_set $wx_nickname $upstream_http_variable_wx_nickname;
	include /etc/nginx/fastcgi_params;
	fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
	fastcgi_param REDIRECT_STATUS 200;
	fastcgi_param WX_UID $wx_uid;
	fastcgi_param WX_OPENID $wx_openid;
	fastcgi_param WX_NICKNAME $wx_nickname;
	fastcgi_pass 127.0.0.1:${sys.options.php};
}`,
		php: true,
	},
};

for (const [web, way] of Object.entries(ways))
	describe(web, () => {
		let sys, s;
		before(async () => {
			const listen = way.tcp ? `127.0.0.1:${await freePort()}` : undefined;
			const php = await freePort();
			sys = await startSystem({ web, listen, php, webConfig: way.webConfig });
			fs.mkdirSync(sys.file('www', 'members'), { recursive: true });
			for (const name of ['who.php', 'health'])
				fs.writeFileSync(sys.file('www', 'members', name), script);
			if (way.php)
				await answering(php, sys.start('/usr/bin/php-cgi', ['-b', `127.0.0.1:${php}`],
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
