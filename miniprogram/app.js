const config = require('./config');
const wxchat = require('./wxchat/index');

App({
	onLaunch() {
		/* userInfo: where WeChat still gives a real name and avatar, the login sends them */
		this.wxchat = wxchat.create({ base: config.base, socket: config.socket, userInfo: true });
	},
});
