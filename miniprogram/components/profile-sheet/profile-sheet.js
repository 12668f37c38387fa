/* A sheet to choose avatar and nickname, the way WeChat allows it since 2022: a button
 * with open-type="chooseAvatar" and an input of type "nickname" in a form.
 * Events: save {nickName, avatarPath} (avatarPath only when a new one was chosen, a file on
 * this phone), close. */
Component({
	properties: {
		show: Boolean,
		saving: Boolean,
		nickName: String,
		avatarUrl: String,
	},

	data: {
		avatarPath: '',
	},

	observers: {
		show(show) {
			if (show)
				this.setData({ avatarPath: '' });
		},
	},

	methods: {
		onChooseAvatar(event) {
			this.setData({ avatarPath: event.detail.avatarUrl });
		},

		/* The value is read at submit: WeChat empties a refused nickname when the input
		 * loses the focus, and tells of its own suggestions by no other event. */
		onSubmit(event) {
			const nickName = (event.detail.value.nickName || '').trim();

			if (!nickName) {
				wx.showToast({ title: '请填写昵称', icon: 'none' });
				return;
			}
			if (!this.data.saving)
				this.triggerEvent('save', { nickName, avatarPath: this.data.avatarPath });
		},

		onClose() {
			if (!this.data.saving)
				this.triggerEvent('close');
		},

		nothing() {},
	},
});
