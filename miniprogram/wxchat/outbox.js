/* outbox.js - messages on their way.  Each has a cid of its own, by which the server knows
 * it again: sending it once more until it is acknowledged is harmless for ten minutes.
 * One is in flight at a time, so that a refused or lost one cannot be overtaken.
 * No socket and no timer here; times are milliseconds and come in as arguments. */
const { WxchatError } = require('./errors');
const { uniqueWord } = require('./util');

const MAX_WAITING = 100;

/* The server compares cids for ten minutes; beyond this age a repetition may be shown twice. */
const KNOWN_MS = 9 * 60 * 1000;

class Outbox {
	constructor() {
		this.waiting = [];
	}

	/* Returns {cid, done}: done resolves with the server's copy. */
	add(fields) {
		const entry = { cid: fields.cid || uniqueWord(), first_ms: 0, inFlight: false };

		entry.frame = Object.assign({}, fields, { cid: entry.cid });
		entry.done = new Promise((resolve, reject) => {
			entry.resolve = resolve;
			entry.reject = reject;
		});
		if (this.waiting.length >= MAX_WAITING)
			entry.reject(new WxchatError('ERR_QUEUE_FULL'));
		else
			this.waiting.push(entry);
		return entry;
	}

	/* The frame to send now, or null: nothing waits, one is in flight, or isReady(frame)
	 * says that its room is not. */
	next(now_ms, isReady) {
		const entry = this.waiting[0];

		if (!entry || entry.inFlight || !isReady(entry.frame))
			return null;
		entry.inFlight = true;
		entry.first_ms = entry.first_ms || now_ms;
		return entry.frame;
	}

	/* True if this was the acknowledgement of a waiting message. */
	acknowledge(message) {
		const entry = this.take(message.cid);

		if (entry)
			entry.resolve(message);
		return Boolean(entry);
	}

	/* The server will not have it; true if it was ours. */
	refuse(cid, error) {
		const entry = this.take(cid);

		if (entry)
			entry.reject(error);
		return Boolean(entry);
	}

	has(cid) {
		return this.waiting.some((entry) => entry.cid === cid);
	}

	/* What was in flight may or may not have arrived: send it again. */
	rewind() {
		this.waiting.forEach((entry) => {
			entry.inFlight = false;
		});
	}

	/* After a reconnect that could not show everything missed: what was sent too long ago
	 * to be repeated safely fails, and the user decides. */
	expire(now_ms) {
		this.waiting
			.filter((entry) => entry.first_ms && now_ms - entry.first_ms > KNOWN_MS)
			.forEach((entry) => this.refuse(entry.cid, new WxchatError('ERR_UNCERTAIN')));
	}

	take(cid) {
		const at = this.waiting.findIndex((entry) => entry.cid === cid);

		return cid === undefined || at < 0 ? null : this.waiting.splice(at, 1)[0];
	}
}

module.exports = Outbox;
