/* errors.js - one error type for everything that the library rejects with.  `code` is an
 * ERR_ word: the server's own, or one of those below; `message` is for people; `status`
 * is the HTTP status where there was one. */
const LOCAL = {
	ERR_NETWORK: '网络不可用',
	ERR_WX_LOGIN_FAILED: '微信登录失败',
	ERR_BAD_ANSWER: '服务器返回了无法识别的内容',
	ERR_DISCONNECTED: '连接已断开',
	ERR_TIMEOUT: '服务器没有响应',
	ERR_QUEUE_FULL: '待发送的消息过多',
	ERR_UNCERTAIN: '无法确认消息是否已送达',
	ERR_CANCELLED: '已取消',
};

class WxchatError extends Error {
	constructor(code, message, status) {
		super(message || LOCAL[code] || code);
		this.name = 'WxchatError';
		this.code = code;
		this.status = status || 0;
	}
}

/* What an HTTP answer says went wrong, or null.  The body is whatever the client made of
 * it: an object, or a string when a proxy answered with a page of its own. */
function errorOfAnswer(res) {
	const body = res.data;
	const isObject = body !== null && typeof body === 'object';

	if (isObject && body.error)
		return new WxchatError(body.error, body.message, res.statusCode);
	if (res.statusCode === 401)
		return new WxchatError('ERR_INVALID_SESSION', '', 401);
	if (!isObject || res.statusCode >= 400 || (body.code !== undefined && body.code !== 0))
		return new WxchatError('ERR_BAD_ANSWER', '', res.statusCode);
	return null;
}

module.exports = { WxchatError, errorOfAnswer };
