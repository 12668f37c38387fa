/* Part of the chat page: the user's own name and face, and consent to be told of answers. */
const config = require('../../config');

module.exports = {
	onAvatarTap(event) {
		if (event.currentTarget.dataset.mine)
			this.openProfile();
	},

	openProfile() {
		const user = this.client.user() || {};

		this.setData({
			profile: { show: true, saving: false, nickName: user.nickName || '', avatarUrl: user.avatarUrl || '' },
		});
	},

	closeProfile() {
		this.setData({ 'profile.show': false });
	},

	saveProfile(event) {
		this.setData({ 'profile.saving': true });
		this.client.setProfile(event.detail).then(
			(user) => {
				this.showUser(user);
				this.setData({ 'profile.show': false, 'profile.saving': false });
			},
			(err) => {
				this.setData({ 'profile.saving': false });
				this.complain(err);
			},
		);
	},

	/* Once a visit: may we tell them of answers when they are away? */
	askConsent() {
		if (!config.templates.length || this.asked)
			return;
		this.asked = true;
		wx.requestSubscribeMessage({
			tmplIds: config.templates,
			success: (res) => config.templates
				.filter((id) => res[id] === 'accept')
				.forEach((template) => this.socket.tell({ op: 'consent', template })),
			fail: () => {},	/* closed without a choice: no consent */
		});
	},
};
