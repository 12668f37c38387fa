// wx.*, as far as the mini-program uses it, on a browser: WeChat's part of it is played by the
// sandbox under /sandbox, the network by fetch and WebSocket, and the phone's habits - sockets
// that die unseen in the background, calls refused while hidden - are played here.
import { createSockets } from './sockets.js';
import { actionSheet, modal, pickFile, toast, viewImage } from './dialogues.js';

const STORAGE_KEY = 'wxchat_session';	// the mini-program's own; read to expire its session

export function createWx(user) {
	const prefix = `phone:${user}:`;
	const handlers = { show: [], hide: [], network: [] };
	const tempFiles = new Map();
	const phone = { hidden: false, online: true };
	const sockets = createSockets(phone);
	let page = null;

	const tell = (name, value) => handlers[name].slice().forEach((handler) => handler(value));
	const off = (name, handler) => {
		handlers[name] = handlers[name].filter((one) => one !== handler);
	};

	/* Every asynchronous wx function: success or fail, then complete, never in the same turn. */
	function answer(options, name, promise) {
		promise.then(
			(res) => [options.success, { errMsg: `${name}:ok`, ...res }],
			(err) => [options.fail, { errMsg: `${name}:fail ${err.message || err}`, errno: err.errno }],
		).then(([callback, res]) => {
			callback?.(res);
			options.complete?.(res);
		});
	}

	function checkNetwork() {
		if (phone.hidden)
			throw Object.assign(new Error('interrupted'), { errno: 600003 });
		if (!phone.online)
			throw Object.assign(new Error('net::ERR_INTERNET_DISCONNECTED'), { errno: 600001 });
	}

	async function sandbox(path, body) {
		checkNetwork();
		const res = await fetch(`/sandbox/${path}`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ user, ...body }),
		});
		const data = await res.json();

		if (!/:ok$/.test(data.errMsg || ''))
			throw new Error((data.errMsg || 'no answer').replace(/^\w+:fail /, ''));
		return data;
	}

	function parsed(text) {
		try {
			return JSON.parse(text);
		} catch (err) {
			return text;
		}
	}

	async function request(options) {
		const method = (options.method || 'GET').toUpperCase();
		const url = new URL(options.url);
		const abort = new AbortController();
		const init = { method, headers: { 'content-type': 'application/json', ...options.header }, signal: abort.signal };
		const timer = setTimeout(() => abort.abort(), options.timeout || 60000);

		checkNetwork();
		if (method === 'GET') {
			for (const [name, value] of Object.entries(options.data || {}))
				url.searchParams.set(name, value);
		} else if (options.data !== undefined) {
			init.body = typeof options.data === 'string' ? options.data : JSON.stringify(options.data);
		}
		try {
			const res = await fetch(url, init);
			const text = await res.text();

			return { statusCode: res.status, header: Object.fromEntries(res.headers), data: parsed(text), cookies: [] };
		} catch (err) {
			throw Object.assign(new Error(abort.signal.aborted ? 'timeout' : 'net::ERR_FAILED'), { errno: 600001 });
		} finally {
			clearTimeout(timer);
		}
	}

	function uploadFile(options) {
		const xhr = new XMLHttpRequest();
		const progress = [];

		answer(options, 'uploadFile', new Promise((resolve, reject) => {
			const form = new FormData();
			const file = tempFiles.get(options.filePath);

			checkNetwork();
			if (!file)
				throw new Error('file not found');
			for (const [name, value] of Object.entries(options.formData || {}))
				form.append(name, value);
			form.append(options.name, file.blob, 'tmp.png');
			xhr.open('POST', options.url);
			for (const [name, value] of Object.entries(options.header || {}))
				xhr.setRequestHeader(name, value);
			xhr.upload.onprogress = (event) => progress.forEach((handler) => handler({
				progress: Math.round(100 * event.loaded / event.total),
				totalBytesSent: event.loaded,
				totalBytesExpectedToSend: event.total,
			}));
			xhr.onload = () => resolve({ statusCode: xhr.status, data: xhr.responseText });
			xhr.onerror = () => reject(new Error('net::ERR_FAILED'));
			xhr.onabort = () => reject(new Error('abort'));
			xhr.send(form);
		}));
		return { abort: () => xhr.abort(), onProgressUpdate: (handler) => progress.push(handler) };
	}

	/* A file on this phone alone, as WeChat names them. */
	function keepTemp(blob) {
		const path = `http://tmp/${Math.random().toString(36).slice(2)}.png`;

		tempFiles.set(path, { blob, url: URL.createObjectURL(blob) });
		return path;
	}

	const fileUrl = (path) => tempFiles.get(path)?.url || path;

	/* What the phone shows for open-type="chooseAvatar": the WeChat avatar, or the album. */
	async function chooseAvatar() {
		const choice = await actionSheet(['用微信头像', '从相册选择']);

		if (choice === 1)
			return keepTemp(await pickFile('image/*'));
		const { userInfo } = await sandbox('userinfo', {});
		const image = new Image();

		image.src = userInfo.avatarUrl;
		await image.decode();
		const canvas = Object.assign(document.createElement('canvas'), { width: 264, height: 264 });

		canvas.getContext('2d').drawImage(image, 0, 0, 264, 264);
		return keepTemp(await new Promise((done) => canvas.toBlob(done, 'image/png')));
	}

	async function imageInfo(src) {
		const image = new Image();

		image.src = fileUrl(src);
		await image.decode();
		return { width: image.naturalWidth, height: image.naturalHeight, path: src, orientation: 'up', type: 'png' };
	}

	const wx = {
		login: (options) => answer(options, 'login', sandbox('login')),
		checkSession: (options) => answer(options, 'checkSession', sandbox('checksession')),
		getUserInfo: (options) => answer(options, 'getUserInfo', sandbox('userinfo')),
		request: (options) => answer(options, 'request', request(options)),
		uploadFile,
		connectSocket: (options) => sockets.connect(options),
		requestSubscribeMessage: (options) => answer(options, 'requestSubscribeMessage',
			modal({ title: '订阅消息', content: '允许发送一次新消息提醒？', confirmText: '允许', cancelText: '拒绝' })
				.then((yes) => sandbox('subscribe', { tmplIds: options.tmplIds, choice: yes ? 'accept' : 'reject' }))),

		getStorageSync: (key) => parsed(localStorage.getItem(prefix + key) ?? '""'),
		setStorageSync: (key, value) => localStorage.setItem(prefix + key, JSON.stringify(value)),
		removeStorageSync: (key) => localStorage.removeItem(prefix + key),

		onAppShow: (handler) => handlers.show.push(handler),
		onAppHide: (handler) => handlers.hide.push(handler),
		onNetworkStatusChange: (handler) => handlers.network.push(handler),
		offAppShow: (handler) => off('show', handler),
		offAppHide: (handler) => off('hide', handler),
		offNetworkStatusChange: (handler) => off('network', handler),

		setNavigationBarTitle: ({ title }) => setTitle(title),
		showToast: ({ title, duration }) => toast(title, duration || 1500),
		showModal: (options) => answer(options, 'showModal', modal(options)
			.then((confirm) => ({ confirm, cancel: !confirm }))),
		showActionSheet: (options) => answer(options, 'showActionSheet', actionSheet(options.itemList)
			.then((tapIndex) => ({ tapIndex }))),
		previewImage: ({ current, urls }) => viewImage(fileUrl(current || urls[0])),
		setClipboardData: (options) => answer(options, 'setClipboardData',
			navigator.clipboard.writeText(options.data).then(() => toast('内容已复制', 1500))),
		chooseMedia: (options) => answer(options, 'chooseMedia', pickFile('image/*').then((blob) => ({
			type: 'image',
			tempFiles: [{ tempFilePath: keepTemp(blob), size: blob.size, fileType: 'image' }],
		}))),
		getImageInfo: (options) => answer(options, 'getImageInfo', imageInfo(options.src)),
		createSelectorQuery: () => page.createSelectorQuery(),
	};

	function setTitle(title) {
		document.title = title;
		window.parent.postMessage({ user, event: 'title', title }, location.origin);
	}

	return {
		wx,
		fileUrl,
		chooseAvatar,
		setTitle,
		setPage(value) {
			page = value;
		},
		hide() {
			phone.hidden = true;
			tell('hide');
			sockets.suspend();
		},
		show() {
			phone.hidden = false;
			tell('show', {});
		},
		setOnline(online) {
			phone.online = online;
			if (!online)
				sockets.cut();
			tell('network', { isConnected: online, networkType: online ? 'wifi' : 'none' });
		},
		sessionHeader() {
			const session = wx.getStorageSync(STORAGE_KEY);

			return session ? { 'X-WX-Id': session.id, 'X-WX-Skey': session.skey } : {};
		},
	};
}
