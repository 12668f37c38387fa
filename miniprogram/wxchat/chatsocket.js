/* chatsocket.js - the chat's protocol over a link: rooms with their last ids, so that a
 * reconnect asks for what was missed; messages with cids, sent again until acknowledged;
 * requests with their answers.  Knows no page.
 *
 * Events:
 *   message   a message of a room, each id once and in order: {type: user|remote, id, …}
 *   welcome   joined or rejoined: the server's object, with `resumed` and `first` added
 *   gap       {room, since, first, id, lost}: ids since+1 … first-1 were not sent; `lost`
 *             says that the room's history is another one, and all ids start anew
 *   system    every other system object: join, leave, typing, read, recall, profile …
 *   refused   a refusal that answers no message or request of this socket
 *   state     closed, connecting, online (the first room is joined), waiting
 *   banned    the server wants nothing of this user; the socket is closed
 *   failed    an attempt to log in failed: the error; the next attempt follows
 */
const Emitter = require('./emitter');
const Link = require('./link');
const Outbox = require('./outbox');
const { WxchatError } = require('./errors');
const { addQuery, uniqueWord } = require('./util');

const ASK_MS = 10000;	/* for the answer to a request */
const ACK_MS = 15000;	/* for the acknowledgement of a message, before the line is distrusted */
const RATE_MS = 1500;	/* pause after ERR_RATE_LIMITED */
const CLOSE_BANNED = 4403;
const CLOSE_RATE = 4429;
const CLOSE_RESTART = 1012;
const CLOSE_SESSION = 4401;

class ChatSocket extends Emitter {
	/* url, room: the first room, lobby if absent; login(): resolves with a session; session:
	 * the Session.  `times` overrides the link's. */
	constructor(options) {
		super();
		this.url = options.url;
		this.login = options.login;
		this.session = options.session;
		this.home = options.room || 'lobby';	/* what the server takes an absent one for */
		this.rooms = {};
		this.rooms[this.home] = newRoom();
		this.outbox = new Outbox();
		this.asked = {};
		this.used = null;	/* the session of the present connection */
		this.inQuery = false;	/* credentials also in the URL: see onDeadSession */
		this.deadSessions = 0;
		this.state = 'closed';
		this.ackTimer = 0;
		this.link = new Link({
			address: () => this.address(),
			ping: JSON.stringify({ op: 'ping' }),
			times: options.times,
		});
		this.link.on('frame', (data) => this.onFrame(data));
		this.link.on('lost', (why) => this.onLost(why));
		this.link.on('failed', (err) => this.onFailed(err));
		this.link.on('state', (state) => {
			if (state !== 'up')
				this.setState(state);
		});
	}

	open() {
		this.link.open();
	}

	/* Messages not yet acknowledged stay and leave with the next open. */
	close() {
		this.link.close();
		this.offline();
	}

	/* Sends one message, to the first room unless fields.room names another.  Returns
	 * {cid, done}; done resolves with the server's copy and rejects when it is refused.
	 * Never lost by a reconnect, never shown twice. */
	send(fields) {
		const entry = this.outbox.add(fields);

		this.flush();
		return { cid: entry.cid, done: entry.done };
	}

	/* Sends a request and resolves with its answer; rejects when the connection goes. */
	ask(fields) {
		const cid = uniqueWord();

		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => this.answer(cid, reject, new WxchatError('ERR_TIMEOUT')), ASK_MS);

			this.asked[cid] = { resolve, reject, timer };
			if (!this.tell(Object.assign({}, fields, { cid })))
				this.answer(cid, reject, new WxchatError('ERR_DISCONNECTED'));
		});
	}

	/* Sends something whose loss does not matter: typing, read.  False when not online. */
	tell(frame) {
		return this.state === 'online' && this.link.send(JSON.stringify(frame));
	}

	/* Joins a further room, now and after each reconnect. */
	join(room) {
		if (this.rooms[room])
			return;
		this.rooms[room] = newRoom();
		this.tell({ op: 'join', room });
	}

	leave(room) {
		delete this.rooms[room];
		this.tell({ op: 'leave', room });
	}

	/* ---- the connection's life ---- */

	address() {
		return this.login().then(
			(session) => {
				const room = this.rooms[this.home];

				this.used = session;
				return {
					url: addQuery(this.url, Object.assign({
						room: this.home,
						since: room.id,
						epoch: room.epoch,
						events: 'all',
					}, this.inQuery ? this.session.header() : {})),
					header: this.session.header(),
				};
			},
			(err) => {
				err.fatal = err.code === 'ERR_BANNED';
				throw err;
			},
		);
	}

	onFrame(data) {
		let object;

		try {
			object = JSON.parse(data);
		} catch (err) {
			return;	/* binary that another member relays, for other programs */
		}
		if (object === null || typeof object !== 'object')
			return;
		if (object.error)
			this.onError(object);
		else if (object.type === 'system')
			this.onSystem(object);
		else if (object.id !== undefined)
			this.onMessage(object);
	}

	/* The server sends an error object for these two alone, and then closes. */
	onError(object) {
		if (object.error === 'ERR_BANNED')
			this.onBanned(new WxchatError('ERR_BANNED', object.message));
		else
			this.onDeadSession();
	}

	/* The server's session has ended while ours looked alive.  Once that is followed by a
	 * new login at once; if the new session is refused as well, the headers were perhaps
	 * lost on the way (some old phones), so they go into the URL too, and the backoff
	 * keeps a broken server from being flooded with logins. */
	onDeadSession() {
		if (this.used)
			this.session.clear(this.used);
		this.deadSessions++;
		this.inQuery = this.inQuery || this.deadSessions > 1;
		this.offline();
		this.link.restart(this.deadSessions > 1 ? undefined : 0);
	}

	onBanned(err) {
		this.close();
		this.emit('banned', err);
	}

	onFailed(err) {
		if (err.fatal)
			this.onBanned(err);
		else
			this.emit('failed', err);
	}

	onLost(why) {
		this.offline();
		if (why.code === CLOSE_BANNED)
			this.onBanned(new WxchatError('ERR_BANNED', why.reason));
		else if (why.code === CLOSE_SESSION)
			this.onDeadSession();
		else if (why.code === CLOSE_RESTART)
			this.link.restart(Math.random() * 2000);
		else if (why.code === CLOSE_RATE)
			this.link.restart(5000 + Math.random() * 5000);
	}

	offline() {
		clearTimeout(this.ackTimer);
		this.outbox.rewind();
		Object.keys(this.asked).forEach((cid) => {
			this.answer(cid, this.asked[cid].reject, new WxchatError('ERR_DISCONNECTED'));
		});
		Object.keys(this.rooms).forEach((name) => {
			this.rooms[name].caughtUp = false;
		});
	}

	setState(state) {
		if (state === this.state)
			return;
		this.state = state;
		this.emit('state', state);
	}

	/* ---- what the server says ---- */

	onSystem(object) {
		if (object.event === 'welcome')
			this.onWelcome(object);
		else if (object.event === 'gap')
			this.onGap(object);
		else if (object.event === 'refused')
			this.onRefused(object);
		else if (object.cid !== undefined && this.asked[object.cid])
			this.answer(object.cid, this.asked[object.cid].resolve, object);
		else if (object.event !== 'pong')
			this.emit('system', object);
	}

	onWelcome(object) {
		const room = this.rooms[object.room];
		const resumed = Boolean(room) && room.id !== undefined;

		this.deadSessions = 0;
		this.setState('online');
		if (object.room === this.home)
			this.rejoin();
		if (!room)
			return;
		room.last = object.id;
		room.recovered = object.recovered !== false;
		if (!resumed) {
			room.id = object.id;
			room.epoch = object.epoch;
		}
		if (object.user && object.room === this.home)
			this.session.putUser(object.user);
		this.emit('welcome', Object.assign({}, object, { resumed }));
		this.caughtUp(room);
	}

	rejoin() {
		Object.keys(this.rooms).forEach((name) => {
			const room = this.rooms[name];

			if (name !== this.home)
				this.tell({ op: 'join', room: name, since: room.id, epoch: room.epoch });
		});
	}

	onGap(object) {
		const room = this.rooms[object.room];

		if (!room)
			return;
		room.id = object.first - 1;
		this.emit('gap', Object.assign({}, object, {
			lost: object.epoch !== undefined && object.epoch !== room.epoch,
		}));
		if (object.epoch !== undefined)
			room.epoch = object.epoch;
		this.caughtUp(room);
	}

	onMessage(object) {
		const room = this.rooms[object.room];
		const seen = room && object.id <= room.id;

		if (room && !seen)
			room.id = object.id;
		if (object.type === 'user' && this.outbox.acknowledge(object))
			clearTimeout(this.ackTimer);
		if (!seen)
			this.emit('message', object);
		if (room)
			this.caughtUp(room);
		this.flush();
	}

	/* Nothing is sent before everything missed has come: a message whose acknowledgement
	 * was lost is recognised in what comes, and not sent again. */
	caughtUp(room) {
		if (room.caughtUp || room.id < room.last)
			return;
		room.caughtUp = true;
		if (!room.recovered)
			this.outbox.expire(Date.now());
		this.flush();
	}

	onRefused(object) {
		const err = new WxchatError(object.reason, object.message);

		if (object.reason === 'ERR_RATE_LIMITED' && this.outbox.has(object.cid)) {
			clearTimeout(this.ackTimer);
			this.ackTimer = setTimeout(() => {
				this.outbox.rewind();
				this.flush();
			}, RATE_MS);
		} else if (this.outbox.refuse(object.cid, err)) {
			clearTimeout(this.ackTimer);
			this.flush();
		} else if (object.cid !== undefined && this.asked[object.cid]) {
			this.answer(object.cid, this.asked[object.cid].reject, err);
		} else {
			this.emit('refused', err);
		}
	}

	answer(cid, settle, value) {
		clearTimeout(this.asked[cid].timer);
		delete this.asked[cid];
		settle(value);
	}

	/* Sends the next waiting message, if its turn has come. */
	flush() {
		let frame;

		if (this.state !== 'online')
			return;
		frame = this.outbox.next(Date.now(), (waiting) => {
			const room = this.rooms[waiting.room || this.home];

			return !room || room.caughtUp;	/* without a room the server refuses it */
		});
		if (!frame)
			return;
		this.link.send(JSON.stringify(frame));
		clearTimeout(this.ackTimer);
		this.ackTimer = setTimeout(() => {
			/* the line lives or not: a fresh one tells, and the message is sent again */
			this.offline();
			this.link.restart(0);
		}, ACK_MS);
	}
}

/* id: of the last message seen, undefined before the first welcome; last: the room's last
 * when we joined; recovered: everything up to it is being sent; caughtUp: it has come. */
function newRoom() {
	return { id: undefined, epoch: undefined, last: 0, recovered: true, caughtUp: false };
}

module.exports = ChatSocket;
