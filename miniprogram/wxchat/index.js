/* index.js - the library's front.  create() makes one client, usually in app.js:
 *
 *     const wxchat = require('./wxchat/index');
 *     const client = wxchat.create({ base: 'https://example.com/weapp', socket: 'wss://example.com/ws' });
 *
 *     client.login().then((session) => …session.user.nickName…);
 *     client.request({ url: 'https://example.com/my.php', success: (res) => … });
 *     const socket = client.connect({ room: 'lobby' });
 *     socket.on('message', (message) => …);
 *     socket.send({ text: true, content: '你好' }).done.then((message) => …);
 */
const ChatSocket = require('./chatsocket');
const Login = require('./login');
const Session = require('./session');
const { Requester, dataOf } = require('./request');
const { WxchatError } = require('./errors');
const { addQuery } = require('./util');

const STORAGE_KEY = 'wxchat_session';

class Client {
	/* base: where fcgi-login is mounted, without a slash at the end; socket: the push
	 * server's URL; userInfo: send wx.getUserInfo's data with a login. */
	constructor(options) {
		this.base = options.base;
		this.socketUrl = options.socket;
		this.userInfo = Boolean(options.userInfo);
		this.session = new Session(options.storageKey || STORAGE_KEY);
		this.loginRunner = new Login(this.base + '/login', this.session);
		this.requester = new Requester(this.session, () => this.login());
	}

	/* Resolves with {id, skey, user}: the session at hand, or a new one.  However many ask
	 * at once, one login is made.  success and fail are called as well where given. */
	login(options) {
		const promise = this.loginRunner.run({ userInfo: this.userInfo });

		if (options && (options.success || options.fail))
			promise.then(options.success, options.fail || (() => {}));
		return promise;
	}

	/* The logged-in user's public fields ({uid, nickName, avatarUrl}), or null. */
	user() {
		const session = this.session.get();

		return session ? session.user : null;
	}

	/* Forgets the session on this phone alone; logout() also ends it on the server. */
	clearSession() {
		this.session.clear();
	}

	buildSessionHeader() {
		return this.session.header();
	}

	/* wx.request with the session; a dead session is renewed once without the caller
	 * noticing. */
	request(options) {
		return this.requester.request(options);
	}

	/* Calls one of fcgi-login's routes; resolves with the answer's `data`. */
	api(route, method, data) {
		return this.requester
			.request({ url: this.base + '/' + route, method, data, login: true })
			.then(dataOf);
	}

	logout() {
		return this.api('logout', 'POST', {}).then(() => this.clearSession());
	}

	/* Uploads a local file; resolves with {url, mimeType, name, …}.  options: onProgress,
	 * onTask, timeout. */
	upload(filePath, options) {
		return this.requester.upload(Object.assign({}, options, {
			url: this.base + '/upload',
			filePath,
		}));
	}

	/* The same straight into the server's bucket, whose host must then be in the
	 * uploadFile domains as well; by upload() where files are kept without a bucket.
	 * file: {path, mimeType, size}. */
	uploadDirect(file, options) {
		const route = addQuery('upload', { direct: 1, type: file.mimeType, size: file.size });

		return this.api(route, 'GET').then(
			(place) => this.requester
				.uploadForm(place.form, Object.assign({}, options, { filePath: file.path }))
				.then(() => ({ url: place.fileUrl, mimeType: place.mimeType, name: place.name })),
			(err) => {
				if (err.code !== 'ERR_NOT_FOUND')
					throw err;
				return this.upload(file.path, options);
			},
		);
	}

	/* Sets nickname and avatar.  `avatarPath`, what chooseAvatar gave, is a file on this
	 * phone alone, so it is uploaded first; resolves with the user. */
	setProfile(profile) {
		const uploaded = profile.avatarPath ? this.upload(profile.avatarPath) : Promise.resolve(null);

		return uploaded
			.then((file) => this.api('profile', 'POST', {
				nickName: profile.nickName,
				avatarUrl: file ? file.url : undefined,
			}))
			.then((user) => {
				this.session.putUser(user);
				return this.user();
			});
	}

	/* A ChatSocket, not yet open. */
	connect(options) {
		return new ChatSocket(Object.assign({}, options, {
			url: this.socketUrl,
			session: this.session,
			login: () => this.login(),
		}));
	}
}

module.exports = {
	create: (options) => new Client(options),
	Client,
	WxchatError,
};
