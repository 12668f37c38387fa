/* The chat room's page: shows a timeline, feeds it from a socket, sends what is typed.
 * Pictures, scrolling and the profile are files of their own beside it. */
const config = require('../../config');
const { Timeline, userKey } = require('../../wxchat/timeline');
const pictures = require('./pictures');
const profile = require('./profile');
const scrolling = require('./scrolling');

const HISTORY = 30;
const TYPING_SEND_MS = 3000;
const TYPING_SHOW_MS = 5000;
const READ_MS = 1000;
const RECALL_MS = 2 * 60 * 1000;
const OFFLINE_SHOWN_MS = 1200;	/* shorter breaks are nobody's business */

/* The server's own words are for developers, and English. */
const REASONS = {
	ERR_INVALID_SESSION: '登录已失效',
	ERR_LOGIN_FAILED: '微信没有接受登录凭证',
	ERR_BAD_SIGNATURE: '登录数据校验失败',
	ERR_BAD_ENCRYPTED_DATA: '登录数据校验失败',
	ERR_WECHAT_BUSY: '微信繁忙',
	ERR_WECHAT_TIMEOUT: '微信没有响应',
	ERR_WECHAT_BAD_ANSWER: '微信返回了无法识别的内容',
	ERR_STORE: '服务器暂时出错',
	ERR_BANNED: '你已被禁止进入',
	ERR_BAD_REQUEST: '内容不合要求',
	ERR_NOT_FOUND: '内容已不存在',
	ERR_RISKY_CONTENT: '内容含违规信息，未发送',
	ERR_MUTED: '你已被禁言',
	ERR_TOO_LARGE: '内容过大',
	ERR_UNSUPPORTED_MEDIA: '不支持这种文件',
	ERR_RATE_LIMITED: '操作太频繁，请稍后再试',
	ERR_FORBIDDEN: '没有权限',
	ERR_NETWORK: '网络不可用',
};

function reasonOf(err) {
	return REASONS[err.code] || err.message;
}

Page(Object.assign({}, pictures, profile, scrolling, {
	data: {
		list: [],
		users: {},
		draft: '',
		num: 0,
		status: '',	/* the strip at the top; empty hides it */
		typing: '',
		unseen: 0,	/* messages that came while the user was reading further up */
		more: false,	/* older messages exist */
		loading: false,
		scrollTo: '',
		smooth: false,
		keyboard: 0,
		read: '',	/* who has read the last own message ... */
		readAnchor: '',	/* ... and which one that is */
		hint: false,	/* a new user is asked for a name and a face */
		profile: { show: false, saving: false, nickName: '', avatarUrl: '' },
	},

	onLoad(query) {
		this.room = query.room ? decodeURIComponent(query.room) : config.room;
		this.client = getApp().wxchat;
		this.timeline = new Timeline();
		this.typists = {};
		this.readers = {};
		this.uploads = {};
		this.timers = {};
		this.atBottom = true;
		this.visible = true;
		this.login();
	},

	onShow() {
		this.visible = true;
		this.tellRead();
	},

	onHide() {
		this.visible = false;
	},

	onUnload() {
		if (this.socket)
			this.socket.close();
		Object.keys(this.timers).forEach((name) => clearTimeout(this.timers[name]));
	},

	onShareAppMessage() {
		return {
			title: config.title,
			path: '/pages/chat/chat?room=' + encodeURIComponent(this.room),
		};
	},

	/* ---- login and connection ---- */

	/* The socket logs in by itself whenever it must, so a failure here only delays. */
	login() {
		this.showTitle();
		this.later('status', OFFLINE_SHOWN_MS, () => this.resize({ status: '正在登录…' }));
		this.client.login().then(
			(session) => this.showUser(session.user),
			(err) => this.onLoginFailed(err),
		);
		this.listen();
	},

	listen() {
		const socket = this.client.connect({ room: this.room });

		this.socket = socket;
		socket.on('state', (state) => this.onState(state));
		socket.on('welcome', (welcome) => this.onWelcome(welcome));
		socket.on('message', (message) => this.pushMsg(message));
		socket.on('gap', (gap) => this.onGap(gap));
		socket.on('system', (object) => this.onSystem(object));
		socket.on('refused', (err) => this.complain(err));
		socket.on('failed', (err) => this.onLoginFailed(err));
		socket.on('banned', () => this.resize({ status: REASONS.ERR_BANNED }));
		socket.open();
	},

	onState(state) {
		if (state === 'online') {
			clearTimeout(this.timers.status);
			this.resize({ status: '' });
			return;
		}
		if (state === 'waiting' && !this.data.status)
			this.later('status', OFFLINE_SHOWN_MS, () => this.resize({ status: '连接已断开，正在重新连接…' }));
	},

	onLoginFailed(err) {
		clearTimeout(this.timers.status);
		this.resize({
			status: err.code === 'ERR_BANNED' ? REASONS.ERR_BANNED : '登录失败：' + reasonOf(err) + '，正在重试…',
		});
	},

	onWelcome(welcome) {
		this.showUser(welcome.user);
		this.setNum(welcome.num);
		if (welcome.resumed)
			return;
		this.timeline.clear();
		this.setData({ list: [], more: welcome.id > 0 });
		if (welcome.id > 0)
			this.loadLatest(welcome);
		else
			this.setData(this.timeline.pushLine('还没有消息，说点什么吧'));
	},

	loadLatest(welcome) {
		this.history(welcome.id + 1).then((answer) => {
			let anchor = '';

			this.setData(this.timeline.merge(answer.messages, Date.now()));
			if (welcome.unread > 0 && welcome.read) {
				const divided = this.timeline.divide(welcome.read, '以下是新消息');

				this.setData(divided.patch);
				anchor = divided.anchor;
			}
			this.setData({ more: answer.more });
			this.scrollTo(anchor || this.lastAnchor(), false);
			this.tellRead();
		}, () => {});
	},

	history(before) {
		return this.socket.ask({ op: 'history', room: this.room, before, limit: HISTORY });
	},

	/* Older messages, when the list is pulled to its top. */
	loadOlder() {
		const before = this.timeline.firstId();
		const anchor = 'msg' + before;

		if (!this.data.more || this.data.loading || !before)
			return;
		this.setData({ loading: true });
		this.history(before).then((answer) => {
			this.setData(this.timeline.merge(answer.messages, Date.now()));
			this.setData({ more: answer.more, loading: false });
			this.scrollTo(anchor, false);
		}, (err) => {
			this.setData({ loading: false });
			this.complain(err);
		});
	},

	/* Messages are missing between two shown ones: tapping the line brings the newer part. */
	loadGap(event) {
		const { key, first } = event.currentTarget.dataset;

		this.history(first).then((answer) => {
			const oldest = answer.messages.length ? answer.messages[0].id : 0;

			this.setData(this.timeline.merge(answer.messages, Date.now()));
			this.setData(this.timeline.narrowGap(key, answer.more ? oldest : 0));
		}, (err) => this.complain(err));
	},

	onGap(gap) {
		if (gap.lost) {
			this.timeline.clear();
			this.setData({ list: [], more: gap.id > 0 });
			if (gap.id > 0)
				this.loadLatest({ id: gap.id });
			return;
		}
		this.setData(this.timeline.pushGap(gap.since, gap.first));
	},

	/* ---- what comes ---- */

	/* Shows one message and scrolls to its id. */
	pushMsg(message) {
		const mine = message.type === 'user';
		let trimmed;

		delete this.typists[message.uid];
		this.setData(this.timeline.push(message, Date.now()));
		trimmed = this.timeline.trim(!this.atBottom);
		if (trimmed.list)
			this.setData(Object.assign({ more: true }, trimmed));	/* history has the rest */
		this.showTyping();
		this.setNum(message.number);
		if (this.atBottom || mine)
			this.scrollTo(this.lastAnchor(), true);
		else
			this.setData({ unseen: this.data.unseen + 1 });
		if (mine)
			this.showReaders();
		this.tellRead();
	},

	onSystem(object) {
		const name = (object.user && object.user.nickName) || '有人';

		this.setNum(object.num);
		this.setData(this.timeline.setUser(object.user));
		if (object.event === 'recall')
			this.setData(this.timeline.recall(object.id, object.user));
		else if (object.user || object.users)
			this.onOther(object, name);
	},

	/* Something about another member; the answers to our own requests name nobody. */
	onOther(object, name) {
		switch (object.event) {
		case 'join':
		case 'leave':
			(object.users || (object.user ? [object.user] : [])).forEach((user) => this.pushPresence(object.event, user));
			break;
		case 'typing':
			this.typists[object.user.uid] = { name, until: Date.now() + TYPING_SHOW_MS };
			this.showTyping();
			break;
		case 'read':
			this.readers[object.user.uid] = object.id;
			this.showReaders();
			break;
		case 'muted':
			this.setData(this.timeline.pushLine('“' + name + '”被禁言'));
			break;
		case 'unmuted':
			this.setData(this.timeline.pushLine('“' + name + '”被解除禁言'));
			break;
		case 'kicked':
			this.setData(this.timeline.pushLine('“' + name + '”被移出聊天室'));
			break;
		}
	},

	pushPresence(event, user) {
		const verb = event === 'join' ? '”进入了聊天室' : '”离开了聊天室';

		if (user.uid === this.uid)
			return;	/* another device of the same user */
		this.setData(this.timeline.pushLine('“' + (user.nickName || '有人') + verb, user.uid));
		if (this.atBottom)
			this.scrollTo(this.lastAnchor(), true);
	},

	/* ---- what goes ---- */

	onInput(event) {
		const now = Date.now();

		this.setData({ draft: event.detail.value });
		if (event.detail.value && now - (this.typed_at || 0) > TYPING_SEND_MS) {
			this.typed_at = now;
			this.socket.tell({ op: 'typing', room: this.room });
		}
	},

	onSendTap() {
		this.askConsent();	/* only a tap may ask */
		this.send();
	},

	/* Sends what has been typed. */
	send() {
		const content = this.data.draft.trim();

		if (!content)
			return;
		this.typed_at = 0;
		this.setData({ draft: '' });
		this.sendFields({ text: true, content });
	},

	sendFields(fields, cid) {
		const sent = this.socket.send(Object.assign({ room: this.room }, fields, cid ? { cid } : {}));

		if (cid)
			this.setData(this.timeline.setPending(cid, { status: 'sending' }));
		else
			this.showPending(sent.cid, fields);
		sent.done.catch((err) => {
			this.setData(this.timeline.setPending(sent.cid, { status: 'failed' }));
			this.complain(err);
		});
	},

	showPending(cid, fields) {
		this.setData(this.timeline.pushPending(cid, fields, userKey(this.uid), Date.now()));
		this.scrollTo(this.lastAnchor(), true);
	},

	/* Tapping the mark of a failed message sends it again. */
	retry(event) {
		const cid = event.currentTarget.dataset.cid;
		const item = this.timeline.list.find((one) => one.cid === cid);

		if (!item || item.status !== 'failed')
			return;
		this.setData(this.timeline.setPending(cid, { status: 'sending', progress: 0 }));
		if (item.kind === 'image')
			this.finishImage(cid);
		else
			this.sendFields({ text: true, content: item.text }, cid);
	},

	/* ---- gestures ---- */

	onMessageHold(event) {
		const item = this.timeline.list.find((one) => one.key === event.currentTarget.dataset.key);
		const choices = [];

		if (!item)
			return;
		if (item.kind === 'text')
			choices.push({ name: '复制', run: () => wx.setClipboardData({ data: item.text }) });
		if (item.mine && item.id && Date.now() - item.time < RECALL_MS)
			choices.push({ name: '撤回', run: () => this.recall(item) });
		if (item.status === 'failed')
			choices.push({ name: '删除', run: () => this.setData(this.timeline.removePending(item.cid)) });
		if (!choices.length)
			return;
		wx.showActionSheet({
			itemList: choices.map((choice) => choice.name),
			success: (res) => choices[res.tapIndex].run(),
		});
	},

	recall(item) {
		this.socket.ask({ op: 'recall', room: this.room, id: item.id }).then(
			() => this.setData(this.timeline.recall(item.id)),
			(err) => this.complain(err),
		);
	},

	/* ---- small displays ---- */

	showUser(user) {
		if (!user || !user.uid && !user.nickName)
			return;
		this.uid = user.uid || this.uid;
		/* the name that the server gives to who has none */
		const hint = Boolean(this.uid) && user.nickName === '用户' + this.uid.slice(0, 4);

		if (hint !== this.data.hint)
			this.resize({ hint });
		this.setData(this.timeline.setUser(Object.assign({ uid: this.uid }, user)));
	},

	setNum(num) {
		if (typeof num !== 'number' || num === this.data.num)
			return;
		this.setData({ num });
		this.showTitle();
	},

	showTitle() {
		wx.setNavigationBarTitle({ title: config.title + (this.data.num ? '(' + this.data.num + ')' : '') });
	},

	showTyping() {
		const now = Date.now();
		const uids = Object.keys(this.typists).filter((uid) => this.typists[uid].until > now);
		const names = uids.slice(0, 2).map((uid) => this.typists[uid].name || '有人').join('、');
		const typing = uids.length ? names + (uids.length > 2 ? ' 等' : '') + ' 正在输入…' : '';

		if (typing !== this.data.typing)
			this.setData({ typing });
		if (typing)
			this.later('typing', 1000, () => this.showTyping());
	},

	/* Under the last own message: how many have read it. */
	showReaders() {
		const own = this.timeline.list.filter((item) => item.mine && item.id && item.kind !== 'line').pop();
		const count = own ? Object.keys(this.readers).filter((uid) => (
			uid !== this.uid && this.readers[uid] >= own.id)).length : 0;
		const readAnchor = own ? own.anchor : '';
		const read = count ? (count > 1 ? count + ' 人已读' : '已读') : '';

		if (read === this.data.read && readAnchor === this.data.readAnchor)
			return;
		this.setData({ read, readAnchor });
		if (read)
			this.follow();	/* beside it the text has less room, and perhaps more lines */
	},

	/* The server keeps how far this user has read; at most one word a second. */
	tellRead() {
		if (this.timers.read)
			return;
		this.later('read', READ_MS, () => {
			const id = this.timeline.lastId();

			this.timers.read = 0;
			if (!this.visible || !this.atBottom || id <= (this.told || 0))
				return;
			if (this.socket.tell({ op: 'read', room: this.room, id }))
				this.told = id;
		});
	},

	complain(err) {
		wx.showToast({ title: reasonOf(err), icon: 'none', duration: 2500 });
	},

	later(name, ms, run) {
		clearTimeout(this.timers[name]);
		this.timers[name] = setTimeout(run, ms);
	},
}));
