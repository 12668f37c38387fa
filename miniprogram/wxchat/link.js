/* link.js - keeps one WebSocket up for as long as it is wanted, on phones where sockets
 * die silently.  Knows tasks, timers and the app's life; nothing of what the frames say.
 *
 * What the platform does, and what follows from it here:
 * - listeners attached later than in the same tick miss events, and cannot be removed: each
 *   is bound to its task, and events of a task that was given up are ignored;
 * - onClose may never come, above all after the app was in the background: silence is
 *   answered by a ping, and no answer to that ends the task;
 * - at most five sockets may exist, those still closing included: a task counts until its
 *   onClose, or for a while where that does not come;
 * - hidden apps are suspended and their sockets closed after 5 to 10 seconds: nothing is
 *   tried while hidden, and being shown again starts with a ping or a fresh connection. */
const Emitter = require('./emitter');

const TIMES = {
	connect_ms: 10000,	/* from connectSocket to the first frame */
	beat_ms: 20000,	/* of silence before a ping; NATs forget after about a minute */
	answer_ms: 8000,	/* for any frame to follow that ping */
	shown_answer_ms: 3000,	/* the same right after the app was shown or the network changed */
	hidden_ms: 5000,	/* hidden for longer than this, the socket is taken for dead */
	closing_ms: 10000,	/* how long a closed task is thought to count without an onClose */
	stable_ms: 5000,	/* up for this long, the next failure starts the backoff anew */
	backoff_ms: 500,	/* the first wait; each further one is twice as long ... */
	backoff_max_ms: 30000,	/* ... up to this */
};

const MAX_TASKS = 4;	/* the platform's five, less one for the app's own use */

class Link extends Emitter {
	/* address() resolves with {url, header} for each attempt; `ping` is the text to send
	 * when it has been quiet.  A rejection of address() is retried like a lost connection,
	 * unless its error has `fatal` set: then the link closes with that error. */
	constructor(options) {
		super();
		this.address = options.address;
		this.ping = options.ping;
		this.times = Object.assign({}, TIMES, options.times);
		this.wanted = false;
		this.task = null;	/* the one SocketTask whose events count */
		this.uncount = null;	/* for that task: it no longer counts against the platform's five */
		this.isOpen = false;
		this.attempt = 0;	/* number of the latest attempt; older ones are void */
		this.failures = 0;
		this.tasks = 0;
		this.hidden_at = 0;
		this.timers = {};
		this.listeners = null;
	}

	open() {
		if (this.wanted)
			return;
		this.wanted = true;
		this.failures = 0;
		this.listen();
		this.connect();
	}

	close() {
		this.wanted = false;
		this.attempt++;
		this.unlisten();
		this.giveUp(1000);
		this.setState('closed');
	}

	/* False if the frame certainly did not leave; true says nothing. */
	send(text) {
		const task = this.task;

		if (!task || !this.isOpen)
			return false;
		task.send({
			data: text,
			fail: () => this.lost(task, { code: 1006, reason: 'send failed' }),
		});
		return true;
	}

	/* Ends the present connection and makes a new one: after wait_ms, or when the backoff
	 * says so if that is absent. */
	restart(wait_ms) {
		this.giveUp(1000);
		if (this.wanted)
			this.retry(wait_ms);
	}

	/* Ends the connection unless any frame comes within within_ms. */
	probe(within_ms) {
		const task = this.task;

		if (!this.send(this.ping))
			return;
		this.setTimer('answer', within_ms, () => {
			this.lost(task, { code: 1006, reason: 'no answer' });
		});
	}

	/* ---- one connection ---- */

	connect() {
		const attempt = ++this.attempt;
		const current = () => this.wanted && attempt === this.attempt;

		this.clearTimer('retry');
		if (this.hidden_at) {
			this.setState('waiting');	/* being shown connects */
			return;
		}
		if (this.tasks >= MAX_TASKS) {
			this.retry();
			return;
		}
		this.setState('connecting');
		this.address().then(
			(where) => {
				if (!current())
					return;
				if (this.hidden_at)
					this.setState('waiting');
				else
					this.start(where);
			},
			(err) => {
				if (!current())
					return;
				this.emit('failed', err);
				if (err.fatal)
					this.close();
				else
					this.retry();
			},
		);
	}

	start(where) {
		let failed = null;
		let task = null;
		let counted = true;
		const uncount = () => {
			if (counted)
				this.tasks--;
			counted = false;
		};
		const end = (why) => {
			uncount();
			this.lost(task, why);
		};

		task = wx.connectSocket({
			url: where.url,
			header: where.header,
			timeout: this.times.connect_ms,
			fail: (err) => {
				failed = { code: 1006, reason: err.errMsg };
				if (task)
					end(failed);
			},
		});
		if (!task || failed) {
			this.retry();
			return;
		}
		this.tasks++;
		this.task = task;
		this.uncount = uncount;
		task.onOpen(() => {
			if (task !== this.task) {
				task.close({});	/* closing it before it was open did nothing */
				return;
			}
			this.isOpen = true;
			this.emit('open');
		});
		task.onMessage((res) => {
			if (task !== this.task)
				return;
			this.heard();
			this.emit('frame', res.data);
		});
		task.onError((res) => end({ code: 1006, reason: (res && res.errMsg) || '' }));
		task.onClose((res) => end({
			code: (res && res.code) || 1006,
			reason: (res && res.reason) || '',
		}));
		this.setTimer('connect', this.times.connect_ms, () => {
			this.lost(task, { code: 1006, reason: 'no answer' });
		});
	}

	/* Any frame is a sign of life. */
	heard() {
		this.clearTimer('connect');
		this.clearTimer('answer');
		this.setTimer('beat', this.times.beat_ms, () => this.probe(this.times.answer_ms));
		if (this.state !== 'up') {
			this.setState('up');
			this.setTimer('stable', this.times.stable_ms, () => {
				this.failures = 0;
			});
		}
	}

	lost(task, why) {
		if (task !== this.task)
			return;
		this.giveUp(1000);
		this.emit('lost', why);
		if (this.wanted && !this.task && !this.timers.retry)
			this.retry();	/* unless a handler has decided otherwise */
	}

	/* Forgets the present task and closes it, without waiting for its end. */
	giveUp(code) {
		const task = this.task;
		const uncount = this.uncount;

		['connect', 'answer', 'beat', 'stable', 'retry'].forEach((name) => this.clearTimer(name));
		this.task = null;
		this.isOpen = false;
		if (!task)
			return;
		setTimeout(uncount, this.times.closing_ms);
		try {
			task.close({ code, fail: uncount });
		} catch (err) {
			uncount();	/* the platform no longer knows it */
		}
	}

	/* ---- again ---- */

	/* Half of each wait is random, so that the phones of a restarted server come back
	 * spread out. */
	retry(wait_ms) {
		const times = this.times;
		const most = Math.min(times.backoff_max_ms, times.backoff_ms * Math.pow(2, this.failures));
		const wait = wait_ms === undefined ? most / 2 + Math.random() * most / 2 : wait_ms;

		this.failures++;
		this.attempt++;
		this.setState('waiting');
		this.setTimer('retry', wait, () => this.connect());
	}

	hurry() {
		if (!this.wanted)
			return;
		if (this.task) {
			if (this.isOpen)
				this.probe(this.times.shown_answer_ms);
		} else if (this.timers.retry || this.state !== 'connecting') {
			this.failures = 0;
			this.connect();
		}
	}

	listen() {
		this.listeners = {
			show: () => {
				const hidden_ms = this.hidden_at ? Date.now() - this.hidden_at : 0;

				this.hidden_at = 0;
				if (hidden_ms > this.times.hidden_ms && this.task)
					this.restart(0);
				else
					this.hurry();
			},
			hide: () => {
				this.hidden_at = Date.now();
				['answer', 'beat', 'retry'].forEach((name) => this.clearTimer(name));
			},
			network: (res) => {
				/* lost: a ping tells at once what the heartbeat would tell later */
				if (!this.hidden_at && (res.isConnected || this.task))
					this.hurry();
			},
		};
		wx.onAppShow(this.listeners.show);
		wx.onAppHide(this.listeners.hide);
		wx.onNetworkStatusChange(this.listeners.network);
	}

	unlisten() {
		if (!this.listeners)
			return;
		wx.offAppShow(this.listeners.show);
		wx.offAppHide(this.listeners.hide);
		if (wx.offNetworkStatusChange)	/* from base library 2.9.3 */
			wx.offNetworkStatusChange(this.listeners.network);
		this.listeners = null;
		this.hidden_at = 0;
	}

	/* closed, connecting, up (a frame has come), waiting */
	setState(state) {
		if (state === this.state)
			return;
		this.state = state;
		this.emit('state', state);
	}

	setTimer(name, ms, fire) {
		this.clearTimer(name);
		this.timers[name] = setTimeout(() => {
			delete this.timers[name];
			fire();
		}, ms);
	}

	clearTimer(name) {
		clearTimeout(this.timers[name]);
		delete this.timers[name];
	}
}

module.exports = Link;
