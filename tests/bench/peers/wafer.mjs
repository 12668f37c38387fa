// The login middleware that fcgi-login replaces: wafer-node-session on Express, sessions in memory.
//   node wafer.mjs SANDBOX-URL APPID APPSECRET        prints "listening PORT"
// It asks https://api.weixin.qq.com: here that is the sandbox, by plain HTTP as for fcgi-login.
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';

const [box, appId, appSecret] = process.argv.slice(2);
const { hostname, port } = new URL(box);
const agent = new http.Agent({ keepAlive: true });
https.request = (options, ...rest) => http.request({ ...options, hostname, host: hostname, port, agent, protocol: 'http:',
	agentOptions: undefined, defaultPort: undefined }, ...rest);

const require = createRequire(import.meta.url);
const express = require('express');
const session = require('wafer-node-session');
const app = express();
app.use(session({ appId, appSecret, loginPath: '/login' }));
app.use('/me', (request, response) => response.json(request.session ? request.session.userInfo : {}));
const server = app.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
