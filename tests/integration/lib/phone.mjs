// A phone without a screen, for the tests of miniprogram/wxchat: a `wx` whose network is
// whatever the test answers, sockets that the test opens, feeds and kills, and a clock that
// moves only when told.  Each test file runs in a process of its own, so it may own the globals.
import { createRequire } from 'node:module';

export const library = createRequire(new URL('../../../miniprogram/wxchat/index.js', import.meta.url));

const realSetImmediate = setImmediate;

// Lets every promise that can go on do so.
export function settle() {
	return new Promise((resolve) => realSetImmediate(() => realSetImmediate(resolve)));
}

export class Clock {
	constructor() {
		this.now_ms = 1767139200000;
		this.timers = new Map();
		this.next = 1;
		globalThis.setTimeout = (run, ms = 0) => {
			this.timers.set(this.next, { run, at_ms: this.now_ms + ms });
			return this.next++;
		};
		globalThis.clearTimeout = (id) => this.timers.delete(id);
		Date.now = () => this.now_ms;
	}

	// Time passes; what falls due meanwhile runs in its order.
	async pass(ms) {
		const end_ms = this.now_ms + ms;

		await settle();
		for (;;) {
			const due = [...this.timers].filter(([, timer]) => timer.at_ms <= end_ms)
				.sort(([a, x], [b, y]) => x.at_ms - y.at_ms || a - b)[0];
			if (!due)
				break;
			this.timers.delete(due[0]);
			this.now_ms = Math.max(this.now_ms, due[1].at_ms);
			due[1].run();
			await settle();
		}
		this.now_ms = end_ms;
	}
}

class Task {
	constructor(options) {
		this.options = options;
		this.url = new URL(options.url);
		this.query = Object.fromEntries(this.url.searchParams);
		this.sent = [];
		this.handlers = {};
		this.closed = null;
		this.failing = false;	// send() reports failure
	}

	send({ data, success, fail }) {
		if (this.failing) {
			fail?.({ errMsg: 'SocketTask.send:fail SocketTask.readyState is not OPEN' });
			return;
		}
		this.sent.push(JSON.parse(data));
		success?.({ errMsg: 'sendSocketMessage:ok' });
	}

	close(options) {
		this.closed = { ...options, at_ms: Date.now() };
	}

	onOpen(handler) {
		this.handlers.open = handler;
	}

	onMessage(handler) {
		this.handlers.message = handler;
	}

	onError(handler) {
		this.handlers.error = handler;
	}

	onClose(handler) {
		this.handlers.close = handler;
	}

	// ---- what the test does ----

	open() {
		this.handlers.open?.({ header: {} });
	}

	say(object) {
		this.handlers.message?.({ data: typeof object === 'string' ? object : JSON.stringify(object) });
	}

	die(code = 1006, reason = '') {
		this.handlers.close?.({ code, reason });
	}

	// What has been sent since the last call.
	take() {
		return this.sent.splice(0);
	}
}

export class Phone {
	constructor() {
		this.clock = new Clock();
		this.storage = new Map();
		this.codes = 0;
		this.requests = [];
		this.uploads = [];
		this.tasks = [];
		this.handlers = { show: [], hide: [], network: [] };
		this.userInfo = null;	// what wx.getUserInfo gives; null: it is refused
		this.answer = () => ({ statusCode: 404, data: '' });	// (request) => res, or throws
		this.socketFails = null;	// 'now', 'later' or 'none' (no task): connectSocket fails
		globalThis.wx = this.wx();
	}

	get task() {
		return this.tasks[this.tasks.length - 1];
	}

	tell(name, value) {
		this.handlers[name].slice().forEach((handler) => handler(value));
	}

	wx() {
		const later = (run) => Promise.resolve().then(run);
		const perform = (request, options) => later(async () => {
			try {
				options.success?.(await this.answer(request));
			} catch (err) {
				options.fail?.({ errMsg: `request:fail ${err.message}`, errno: 600001 });
			}
		});
		const listener = (name) => ({
			on: (handler) => this.handlers[name].push(handler),
			off: (handler) => {
				this.handlers[name] = this.handlers[name].filter((one) => one !== handler);
			},
		});

		return {
			login: (options) => later(() => options.success({ code: `code${++this.codes}` })),
			getUserInfo: (options) => later(() => (this.userInfo
				? options.success(this.userInfo)
				: options.fail({ errMsg: 'getUserInfo:fail' }))),
			request: (options) => {
				const request = { ...options, route: options.url.split('/').pop() };

				this.requests.push(request);
				perform(request, options);
				return { abort() {} };
			},
			uploadFile: (options) => {
				const request = { ...options, route: options.url.split('/').pop() };
				const task = { onProgressUpdate: (handler) => {
					request.progress = handler;
				}, abort() {} };

				this.uploads.push(request);
				perform(request, options);
				return task;
			},
			connectSocket: (options) => {
				const fail = () => options.fail?.({ errMsg: 'connectSocket:fail exceed max concurrent count' });

				if (this.socketFails === 'none' || this.socketFails === 'now')
					fail();
				if (this.socketFails === 'none')
					return undefined;
				if (this.socketFails === 'later')
					later(fail);
				this.tasks.push(new Task(options));
				return this.task;
			},
			getStorageSync: (key) => this.storage.get(key) ?? '',
			setStorageSync: (key, value) => this.storage.set(key, structuredClone(value)),
			removeStorageSync: (key) => this.storage.delete(key),
			onAppShow: listener('show').on,
			offAppShow: listener('show').off,
			onAppHide: listener('hide').on,
			offAppHide: listener('hide').off,
			onNetworkStatusChange: listener('network').on,
			offNetworkStatusChange: listener('network').off,
		};
	}
}

export const MAGIC = 'F2C224D4-2BCE-4C64-AF9F-A6D872000D1A';

// The server's login answer for session number n.
export function loginAnswer(n, user = {}) {
	const id = String(n).padStart(64, '0');
	const skey = String(n).padStart(64, 'f');

	return {
		statusCode: 200,
		data: {
			[MAGIC]: 1,
			session: { id, skey, expires: 1767225600 },
			code: 0,
			data: { skey: `${id}.${skey}`, userinfo: { nickName: '小明', ...user }, time: 1767139200 },
		},
	};
}

export function sessionError(error, status = 401) {
	return { statusCode: status, data: { [MAGIC]: 1, code: -1, error, message: `${error} in words`, data: {} } };
}

export function otherError(error, status) {
	return { statusCode: status, data: { code: 1, error, message: `${error} in words`, data: {} } };
}
