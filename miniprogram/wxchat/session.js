/* session.js - the session that this phone holds, kept in the phone's storage.  It never
 * guesses whether the server still knows it: phones have wrong clocks, and the server can
 * end a session at any time.  Only an answer of the server decides. */
class Session {
	constructor(storageKey) {
		this.storageKey = storageKey;
		this.current = undefined;
	}

	/* {id, skey, user} or null.  The object stays the same until put or clear, so two
	 * requests can tell whether they used the same session. */
	get() {
		if (this.current === undefined) {
			const kept = wx.getStorageSync(this.storageKey);

			this.current = kept && kept.id && kept.skey ? kept : null;
		}
		return this.current;
	}

	put(session) {
		this.current = session;
		this.save();
	}

	/* Merges into the user's public fields; does nothing without a session. */
	putUser(fields) {
		if (!this.get())
			return;
		this.current.user = Object.assign({}, this.current.user, fields);
		this.save();
	}

	/* Forgets `used` (any session when absent).  A session that has replaced it meanwhile
	 * stays: of ten requests that fail together, only the first may clear. */
	clear(used) {
		if (used && used !== this.get())
			return;
		this.current = null;
		try {
			wx.removeStorageSync(this.storageKey);
		} catch (err) {
			/* a full or broken storage: the session in memory is what counts */
		}
	}

	header() {
		const session = this.get();

		return session ? { 'X-WX-Id': session.id, 'X-WX-Skey': session.skey } : {};
	}

	save() {
		try {
			wx.setStorageSync(this.storageKey, this.current);
		} catch (err) {
			/* as above: the next start of the app logs in again */
		}
	}
}

module.exports = Session;
