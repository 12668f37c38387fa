/* config.js - the one file to edit before publishing.  Both hosts must be in the
 * mini-program's domain lists (服务器域名): `base` in those of request, uploadFile and
 * downloadFile, `socket` in that of socket. */
module.exports = {
	/* where the web server has fcgi-login, without a slash at the end */
	base: 'https://example.com/weapp',

	/* the push server, or the web server's proxy to it */
	socket: 'wss://example.com/ws',

	/* the room of a page that was opened without ?room= */
	room: 'lobby',

	title: '聊天室',

	/* pictures go straight into the bucket of [media] store = s3; its host must be in the
	 * uploadFile domains too */
	directUpload: false,

	/* Subscribe messages (订阅消息) to ask consent for when the user sends something, at
	 * most three template ids; empty asks for nothing. */
	templates: [],
};
