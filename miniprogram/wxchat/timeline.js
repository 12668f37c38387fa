/* timeline.js - a room's messages as a list to show.  Keeps them in the order of their ids,
 * with what is still being sent at the end, and lines for what happened in between.
 * Every change returns a patch for setData (a few paths, rarely the whole list), under
 * `list` and `users`.  Knows no page, no socket and no clock.
 *
 * An item: key (wx:key, never changes), anchor (for scroll-into-view: "msg" and the id),
 * kind text | image | line | gap, id, mine, who (key into users), time, label (a time to
 * show above it), text, url, width, height (rpx), status sending | failed | '', progress. */
const MAX_ITEMS = 400;
const MAX_ITEMS_READ = 1200;	/* while the user reads further up: what is read must not go */
const DROP_ITEMS = 100;	/* at once, when there are too many: the whole list is set then */
const LABEL_MS = 5 * 60 * 1000;	/* of silence before a time is shown */
const IMAGE_RPX = 320;
const MIN_IMAGE_RPX = 120;

class Timeline {
	constructor() {
		this.list = [];
		this.users = {};
		this.lines = 0;
	}

	clear() {
		this.list = [];
		return { list: [] };
	}

	/* Id of the oldest message shown, 0 if there is none. */
	firstId() {
		const item = this.list.find((one) => one.id);

		return item ? item.id : 0;
	}

	lastId() {
		return this.list.reduce((most, item) => Math.max(most, item.id || 0), 0);
	}

	last() {
		return this.list[this.list.length - 1] || null;
	}

	/* A message as it comes.  The own one takes the place of what was being sent. */
	push(message, now_ms) {
		const known = message.cid === undefined ? -1 : this.list.findIndex((item) => (
			item.mine && item.status !== '' && item.key === pendingKey(message.cid)));
		const patch = this.meet(message);

		if (known >= 0 && message.type === 'user') {
			const item = this.itemOf(message);

			item.key = this.list[known].key;
			item.localUrl = this.list[known].localUrl;
			this.list.splice(known, 1);
			return Object.assign(patch, this.insert(item, now_ms, known));
		}
		if (this.list.some((item) => item.id === message.id))
			return patch;
		return Object.assign(patch, this.insert(this.itemOf(message), now_ms));
	}

	/* What the user has just sent; fields as in the message, localUrl for a picture that is
	 * still on its way up. */
	pushPending(cid, fields, who, now_ms) {
		const item = Object.assign(this.contentOf(fields), {
			key: pendingKey(cid),
			anchor: 'msg-' + cid,
			id: 0,
			cid,
			mine: true,
			who,
			time: now_ms,
			status: 'sending',
			progress: 0,
			localUrl: fields.localUrl || '',
		});

		item.label = this.labelAt(this.list.length, now_ms, now_ms);
		this.list.push(item);
		return this.from(this.list.length - 1);
	}

	setPending(cid, fields) {
		const at = this.list.findIndex((item) => item.cid === cid && item.status !== '');

		if (at < 0)
			return {};
		Object.assign(this.list[at], fields);
		return this.at(at);
	}

	removePending(cid) {
		this.list = this.list.filter((item) => item.cid !== cid || item.status === '');
		return this.all();
	}

	/* A line in the middle.  One with the same `topic` as the list's end replaces it: a
	 * phone that comes and goes fills no screen. */
	pushLine(text, topic) {
		const at = this.endOfStored();
		const last = this.list[at - 1];
		const key = 'line' + (++this.lines);

		if (topic && last && last.topic === topic) {
			last.text = text;
			return this.at(at - 1);
		}
		this.list.splice(at, 0, { key, anchor: 'msg-' + key, kind: 'line', text, topic: topic || '' });
		return this.from(at);
	}

	/* Ids since+1 to first-1 are not here. */
	pushGap(since, first) {
		const at = this.endOfStored();
		const key = 'gap' + since;

		if (first <= since + 1 || this.list.some((item) => item.key === key))
			return {};
		this.list.splice(at, 0, { key, anchor: 'msg-' + key, kind: 'gap', since, first });
		return this.from(at);
	}

	/* Older messages, from history: above everything, or into a gap. */
	merge(messages, now_ms) {
		const patch = {};

		messages.forEach((message) => {
			let at;

			Object.assign(patch, this.meet(message));
			if (this.list.some((item) => item.id === message.id))
				return;
			at = this.list.findIndex((item) => item.id > message.id || !isStored(item));
			this.list.splice(at < 0 ? this.list.length : at, 0, this.itemOf(message));
		});
		this.relabel(now_ms);
		return Object.assign(patch, this.all());
	}

	/* The gap shrinks to what is still missing below `first`; at nothing it goes. */
	narrowGap(key, first) {
		const at = this.list.findIndex((item) => item.key === key);
		const gap = this.list[at];

		if (!gap)
			return {};
		this.list.splice(at, 1);
		if (first > gap.since + 1) {
			gap.first = first;
			this.list.splice(this.list.findIndex((item) => item.id >= first), 0, gap);
		}
		return this.all();
	}

	/* A line above the first message of others after `id`; its anchor, or ''. */
	divide(id, text) {
		const at = this.list.findIndex((item) => item.id > id && !item.mine && item.kind !== 'line');

		if (at < 0)
			return { anchor: '', patch: {} };
		this.list.splice(at, 0, { key: 'unread', anchor: 'msg-unread', kind: 'line', text, topic: '' });
		return { anchor: 'msg-unread', patch: this.all() };
	}

	/* `by`: the user who recalled it, where the server says so.  Told twice is told once. */
	recall(id, by) {
		const at = this.list.findIndex((item) => item.id === id && item.kind !== 'line');

		if (at < 0)
			return {};
		this.list[at] = this.recalled(this.list[at], by);
		return this.at(at);
	}

	/* Drops the oldest when there are too many; says so by a patch that is not empty. */
	trim(isReading) {
		const most = isReading ? MAX_ITEMS_READ : MAX_ITEMS;

		if (this.list.length <= most)
			return {};
		this.list = this.list.slice(this.list.length - most + DROP_ITEMS);
		return this.all();
	}

	/* A user's present name and avatar, for everything that they have said. */
	setUser(user) {
		return user && user.uid ? this.meet(user) : {};
	}

	nameOf(uid) {
		const user = this.users[userKey(uid)];

		return user && user.name ? user.name : '有人';
	}

	/* ---- items ---- */

	itemOf(message) {
		const item = Object.assign(this.contentOf(message), {
			key: 'id' + message.id,
			anchor: 'msg' + message.id,
			id: message.id,
			cid: message.cid || '',
			uid: message.uid,
			mine: message.type === 'user',
			who: userKey(message.uid),
			time: message.time,
			label: '',
			status: '',
			progress: 100,
			localUrl: '',
		});

		return message.recalled ? this.recalled(item) : item;
	}

	recalled(item, by) {
		let who = item.mine ? '你' : '“' + this.nameOf(item.uid) + '”';

		if (by && by.uid !== item.uid)
			who = '管理员';
		return {
			key: item.key,
			anchor: item.anchor,
			id: item.id,
			kind: 'line',
			time: item.time,
			label: item.label,
			text: who + '撤回了一条消息',
			topic: '',
		};
	}

	contentOf(fields) {
		if (fields.gallery === true && (fields.localUrl || /^https?:\/\//.test(fields.url || '')))
			return Object.assign({ kind: 'image', text: '', url: fields.url || '' }, boxOf(fields));
		return {
			kind: 'text',
			text: typeof fields.content === 'string' ? fields.content : '[暂不支持的消息]',
			url: '',
		};
	}

	meet(fields) {
		const key = userKey(fields.uid);
		const known = this.users[key];
		const patch = {};

		if (!fields.uid || !fields.nickName && !fields.avatarUrl)
			return patch;
		if (!known || known.name !== fields.nickName || known.avatar !== fields.avatarUrl) {
			this.users[key] = { name: fields.nickName || '', avatar: fields.avatarUrl || '' };
			patch['users.' + key] = this.users[key];
		}
		return patch;
	}

	/* Puts a stored message in its place; `hole` is the index of one taken out before. */
	insert(item, now_ms, hole) {
		const later = this.list.findIndex((one) => one.id > item.id);
		const at = later < 0 ? this.endOfStored() : later;

		item.label = this.labelAt(at, item.time, now_ms);
		this.list.splice(at, 0, item);
		if (hole === at)
			return this.at(at);
		return this.from(hole === undefined ? at : Math.min(at, hole));
	}

	/* Where what is being sent begins. */
	endOfStored() {
		const at = this.list.findIndex((item) => item.status === 'sending' || item.status === 'failed');

		return at < 0 ? this.list.length : at;
	}

	/* The time to show above what is put at `index`: none soon after what stands before it. */
	labelAt(index, time_ms, now_ms) {
		let before = index - 1;

		while (before >= 0 && !this.list[before].time)
			before--;
		if (before >= 0 && time_ms - this.list[before].time < LABEL_MS)
			return '';
		return timeText(time_ms, now_ms);
	}

	relabel(now_ms) {
		this.list.forEach((item, index) => {
			if (item.time)
				item.label = this.labelAt(index, item.time, now_ms);
		});
	}

	/* ---- patches ---- */

	at(index) {
		return { ['list[' + index + ']']: this.list[index] };
	}

	from(index) {
		const patch = {};

		for (let i = index; i < this.list.length; i++)
			patch['list[' + i + ']'] = this.list[i];
		return patch;
	}

	all() {
		return { list: this.list.slice() };
	}
}

function isStored(item) {
	return item.status !== 'sending' && item.status !== 'failed';
}

function pendingKey(cid) {
	return 'cid' + cid;
}

/* A name that may stand in a setData path; a uid may begin with a digit. */
function userKey(uid) {
	return 'u' + (uid || '');
}

/* The picture's box, so that the list does not jump when it has loaded. */
function boxOf(fields) {
	const width = fields.width > 0 ? fields.width : 1;
	const height = fields.height > 0 ? fields.height : 1;
	const scale = IMAGE_RPX / Math.max(width, height);

	return {
		width: Math.max(MIN_IMAGE_RPX, Math.round(width * scale)),
		height: Math.max(MIN_IMAGE_RPX, Math.round(height * scale)),
	};
}

function two(number) {
	return (number < 10 ? '0' : '') + number;
}

/* As chats write it: 14:05, 昨天 14:05, 3月8日 14:05, 2025年3月8日 14:05. */
function timeText(time_ms, now_ms) {
	const then = new Date(time_ms);
	const now = new Date(now_ms);
	const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
	const clock = two(then.getHours()) + ':' + two(then.getMinutes());
	const day = (then.getMonth() + 1) + '月' + then.getDate() + '日 ';

	if (time_ms >= midnight)
		return clock;
	if (time_ms >= midnight - 24 * 3600 * 1000)
		return '昨天 ' + clock;
	if (then.getFullYear() === now.getFullYear())
		return day + clock;
	return then.getFullYear() + '年' + day + clock;
}

module.exports = { Timeline, userKey };
