// wx.connectSocket on a browser's WebSocket, with the limits and the silences of phones.
const MAX_SOCKETS = 5;
const SUSPEND_MS = 5000;

export function createSockets(phone) {
	const live = new Set();
	let suspended = 0;

	// A browser sets no headers on a WebSocket, so the credentials travel in the query here.
	function address(options) {
		const url = new URL(options.url);

		for (const [name, value] of Object.entries(options.header || {}))
			url.searchParams.set(name, value);
		return url;
	}

	function connect(options) {
		const refuse = (why) => {
			setTimeout(() => options.fail?.({ errMsg: `connectSocket:fail ${why}` }));
		};

		if (phone.hidden || !phone.online) {
			refuse(phone.hidden ? 'interrupted' : 'net::ERR_INTERNET_DISCONNECTED');
			return undefined;
		}
		if (live.size >= MAX_SOCKETS) {
			refuse('exceed max concurrent count');
			return undefined;
		}
		const socket = new WebSocket(address(options), options.protocols || []);
		const handlers = {};
		const state = { socket, muted: false };

		socket.binaryType = 'arraybuffer';
		live.add(state);
		const tell = (name, value) => {
			if (!state.muted)
				handlers[name]?.(value);
		};
		socket.onopen = () => tell('open', { header: {} });
		socket.onmessage = (event) => tell('message', { data: event.data });
		socket.onerror = () => tell('error', { errMsg: 'Underlying Transport Error' });
		socket.onclose = (event) => {
			live.delete(state);
			tell('close', { code: event.code, reason: event.reason });
		};
		setTimeout(() => options.success?.({ errMsg: 'connectSocket:ok' }));
		return {
			send({ data, success, fail }) {
				if (socket.readyState !== WebSocket.OPEN) {
					setTimeout(() => fail?.({ errMsg: 'SocketTask.send:fail SocketTask.readyState is not OPEN' }));
					return;
				}
				socket.send(data);
				setTimeout(() => success?.({ errMsg: 'sendSocketMessage:ok' }));
			},
			close({ code, reason } = {}) {
				socket.close(code || 1000, reason || '');
			},
			onOpen: (handler) => {
				handlers.open = handler;
			},
			onMessage: (handler) => {
				handlers.message = handler;
			},
			onError: (handler) => {
				handlers.error = handler;
			},
			onClose: (handler) => {
				handlers.close = handler;
			},
		};
	}

	return {
		connect,

		// In the background sockets are closed after a while, and nobody is told.
		suspend() {
			clearTimeout(suspended);
			suspended = setTimeout(() => {
				if (!phone.hidden)
					return;
				for (const state of live) {
					state.muted = true;
					state.socket.close();
				}
			}, SUSPEND_MS);
		},

		// The network is gone: the socket stays, as dead as it looks alive.
		cut() {
			for (const state of live) {
				state.muted = true;
				state.socket.close();
			}
		},
	};
}
