/* login.js - from wx.login's code to a session of ours.  One login is in flight at a time
 * and everybody waits for it: WeChat's codes work once, and two logins racing make the
 * data of one undecipherable with the key of the other. */
const { WxchatError, errorOfAnswer } = require('./errors');
const { call } = require('./util');

/* A code is never sent twice; these say that this round's code or data was no good, and
 * a fresh round may do better. */
const ANOTHER_ROUND = ['ERR_LOGIN_FAILED', 'ERR_BAD_SIGNATURE', 'ERR_BAD_ENCRYPTED_DATA'];

/* The name in the data that WeChat gives to mini-programs published since 2021. */
const ANONYMOUS = '微信用户';

class Login {
	constructor(url, session) {
		this.url = url;
		this.session = session;
		this.inFlight = null;
	}

	/* Resolves with the session: the stored one, else a new one from the server.  With
	 * `userInfo` a new login also sends what wx.getUserInfo gives, where it gives more
	 * than the anonymous user. */
	run(options) {
		const session = this.session.get();

		if (session)
			return Promise.resolve(session);
		if (!this.inFlight) {
			const done = () => {
				this.inFlight = null;
			};

			this.inFlight = this.round(options && options.userInfo).catch((err) => {
				if (ANOTHER_ROUND.indexOf(err.code) < 0)
					throw err;
				return this.round(false);
			});
			this.inFlight.then(done, done);
		}
		return this.inFlight;
	}

	round(withUserInfo) {
		/* wx.login first: the data is encrypted under the key of the newest login */
		return call('login', { timeout: 10000 })
			.catch(() => {
				throw new WxchatError('ERR_WX_LOGIN_FAILED');
			})
			.then((res) => {
				if (!res.code)
					throw new WxchatError('ERR_WX_LOGIN_FAILED');
				return withUserInfo ? this.addUserInfo({ code: res.code }) : { code: res.code };
			})
			.then((body) => this.exchange(body));
	}

	addUserInfo(body) {
		return call('getUserInfo', { withCredentials: true, lang: 'zh_CN' }).then(
			(res) => {
				if (!res.userInfo || res.userInfo.nickName === ANONYMOUS)
					return body;
				body.rawData = res.rawData;
				body.signature = res.signature;
				body.encryptedData = res.encryptedData;
				body.iv = res.iv;
				return body;
			},
			() => body,	/* not allowed to: the code alone logs in */
		);
	}

	exchange(body) {
		/* a JSON body and no headers, which may not hold the Chinese of rawData */
		return call('request', { url: this.url, method: 'POST', data: body, timeout: 30000 })
			.catch(() => {
				throw new WxchatError('ERR_NETWORK');
			})
			.then((res) => {
				const err = errorOfAnswer(res);
				const answer = res.data;

				if (err)
					throw err;
				if (!answer.session || !answer.session.id || !answer.session.skey)
					throw new WxchatError('ERR_BAD_ANSWER', '', res.statusCode);
				this.session.put({
					id: answer.session.id,
					skey: answer.session.skey,
					user: (answer.data && answer.data.userinfo) || {},
				});
				return this.session.get();
			});
	}
}

module.exports = Login;
