/* request.js - wx.request and wx.uploadFile with the session's headers.  When the server
 * says that the session is dead, both log in once and repeat once; the caller notices
 * nothing. */
const { WxchatError, errorOfAnswer } = require('./errors');

class Requester {
	/* `login()` resolves with a session. */
	constructor(session, login) {
		this.session = session;
		this.login = login;
	}

	/* As wx.request, plus `login: true` to log in first when there is no session.
	 * Returns a promise of wx.request's own result, for every HTTP status but that of a
	 * dead session; success, fail and complete are called as well where given. */
	request(options) {
		const send = () => new Promise((resolve, reject) => {
			wx.request(Object.assign({}, options, {
				header: Object.assign({}, options.header, this.session.header()),
				success: resolve,
				fail: reject,
				complete: undefined,
			}));
		});

		return withCallbacks(this.repeat(send, options.login), options);
	}

	/* Sends one local file as the field `file` and resolves with the answer's data, an
	 * object.  `onProgress(percent)` is called as it goes; `onTask(task)` receives the
	 * UploadTask of each try, to abort it. */
	upload(options) {
		return this.repeat(() => sendFile(options, this.session.header()), true).then(dataOf);
	}

	/* The same to a stranger, by a form that the server has signed: without our session,
	 * and with an answer that says nothing but its status. */
	uploadForm(form, options) {
		const where = Object.assign({}, options, { url: form.url, formData: form.fields });

		return this.answered(() => sendFile(where, {})).then((res) => {
			if (res.statusCode < 200 || res.statusCode > 299)
				throw new WxchatError('ERR_BAD_ANSWER', '', res.statusCode);
		});
	}

	/* Runs send() with a live session.  A session that another request has replaced
	 * meanwhile is not cleared: its heir is used. */
	repeat(send, loginFirst) {
		const first = loginFirst ? this.login() : Promise.resolve();

		return first.then(() => {
			const used = this.session.get();

			return this.answered(send).then((res) => {
				if (!isSessionDead(res))
					return res;
				if (used)
					this.session.clear(used);
				return this.login().then(() => this.answered(send)).then((again) => {
					if (isSessionDead(again))
						throw errorOfAnswer(again);
					return again;
				});
			});
		});
	}

	/* send(), whose failure is told in our words. */
	answered(send) {
		return send().catch((err) => {
			const aborted = /abort/.test(err.errMsg || '');

			throw new WxchatError(aborted ? 'ERR_CANCELLED' : 'ERR_NETWORK');
		});
	}
}

function sendFile(options, header) {
	return new Promise((resolve, reject) => {
		const task = wx.uploadFile({
			url: options.url,
			filePath: options.filePath,
			name: 'file',
			formData: options.formData,
			timeout: options.timeout || 120000,
			header,	/* no content-type: it would lose the multipart boundary */
			success: (res) => resolve({ statusCode: res.statusCode, data: parsed(res.data) }),
			fail: reject,
		});

		if (task && options.onProgress && task.onProgressUpdate)
			task.onProgressUpdate((res) => options.onProgress(res.progress));
		if (task && options.onTask)
			options.onTask(task);
	});
}

function isSessionDead(res) {
	const err = errorOfAnswer(res);

	return err !== null && err.code === 'ERR_INVALID_SESSION';
}

/* The `data` of an answer in the server's JSON form; throws what the answer says. */
function dataOf(res) {
	const err = errorOfAnswer(res);

	if (err)
		throw err;
	return res.data.data;
}

/* wx.uploadFile hands the body over as text, whatever it is. */
function parsed(text) {
	try {
		return JSON.parse(text);
	} catch (err) {
		return text;
	}
}

function withCallbacks(promise, options) {
	if (options.success || options.fail || options.complete) {
		promise.then(options.success, options.fail || (() => {}));
		if (options.complete)
			promise.then(options.complete, options.complete);
	}
	return promise;
}

module.exports = { Requester, dataOf };
