// The part of `wx` that the SDKs use, as the phone of one user of the sandbox has it, over fetch.  Header values are
// checked as phones do: text outside ASCII is refused.
//
//   const phone = new Phone(sys, '小明');  globalThis.wx = phone.wx;
//   phone.requests                         // [{ url, header, statusCode, data }]
import { createRequire } from 'node:module';
import WebSocket from 'ws';

const require = createRequire(import.meta.url);

export class Phone {
	constructor(sys, user) {
		this.sys = sys;
		this.user = user;
		this.storage = new Map();
		this.requests = [];
		this.userinfo = {};		// options of the sandbox's userinfo
		this.wx = {
			login: (o) => this.ask('login', {}, o, ({ code, errMsg }) => ({ code, errMsg })),
			getUserInfo: (o) => this.ask('userinfo', this.userinfo, o, (answer) => answer),
			checkSession: (o) => this.ask('checksession', {}, o, (answer) => answer),
			request: (o) => this.request(o),
			getStorageSync: (key) => structuredClone(this.storage.get(key)) ?? '',
			setStorageSync: (key, value) => void this.storage.set(key, structuredClone(value)),
			removeStorageSync: (key) => void this.storage.delete(key),
			connectSocket: (o) => this.connect(o),
			sendSocketMessage: ({ data, success }) => this.socket?.send(data, () => success?.({})),
			closeSocket: () => this.socket?.close(1000),
		};
		for (const event of ['AppShow', 'AppHide', 'NetworkStatusChange'])
			Object.assign(this.wx, { [`on${event}`]: () => {}, [`off${event}`]: () => {} });
		// the global listeners know one socket and pile up, as phones have it
		this.heard = {};
		for (const event of ['Open', 'Message', 'Close', 'Error']) {
			this.heard[event] = [];
			this.wx[`onSocket${event}`] = (run) => this.heard[event].push(run);
		}
	}

	connect({ url, header, success }) {
		const heard = { Open: [], Message: [], Close: [], Error: [] };
		const tell = (event, value) => [...this.heard[event], ...heard[event]].forEach((run) => run(value));
		const socket = new WebSocket(url, { headers: header });
		this.socket = socket;
		this.socket.on('open', () => tell('Open', {}));
		this.socket.on('message', (data, isBinary) => tell('Message', { data: isBinary ? data : String(data) }));
		this.socket.on('close', (code, reason) => tell('Close', { code, reason: String(reason) }));
		this.socket.on('error', (error) => tell('Error', { errMsg: error.message }));
		success?.({ errMsg: 'connectSocket:ok' });
		return {
			send: (o) => socket.send(o.data, () => o.success?.({})),
			close: (o) => socket.close(o.code),
			...Object.fromEntries(Object.keys(heard).map((event) => [`on${event}`, (run) => heard[event].push(run)])),
		};
	}

	async ask(api, more, { success, fail, complete } = {}, take) {
		const answer = await this.sys.wx(api, this.user, more);
		(/:ok$/.test(answer.errMsg) ? success : fail)?.(take(answer));
		complete?.(answer);
	}

	async request({ url, method = 'GET', header = {}, data, success, fail, complete }) {
		let result;
		try {
			const isGet = method === 'GET';
			const target = isGet && data ? `${url}?${new URLSearchParams(data)}` : url;
			const answer = await fetch(target, { method, headers: { 'content-type': 'application/json', ...header },
				body: isGet || data === undefined ? undefined : JSON.stringify(data) });
			const text = await answer.text();
			let parsed = text;
			try {
				parsed = JSON.parse(text);
			} catch { /* a phone hands over the text */ }
			result = { statusCode: answer.status, data: parsed, header: Object.fromEntries(answer.headers),
				errMsg: 'request:ok' };
		} catch (error) {
			fail?.({ errMsg: `request:fail ${error.message}` });
			complete?.({ errMsg: 'request:fail' });
			return;
		}
		this.requests.push({ url, header, ...result });
		success?.(result);
		complete?.(result);
	}
}

// A package as a phone starts it: with no memory of other phones.
export function freshRequire(name) {
	for (const file of Object.keys(require.cache))
		if (file.includes(`/${name}/`))
			delete require.cache[file];
	return require(name);
}

// A function of an SDK that takes { success, fail } as a promise.
export function promised(call, options = {}) {
	return new Promise((success, fail) => call({ ...options, success, fail }));
}
