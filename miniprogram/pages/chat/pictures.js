/* Part of the chat page: pictures chosen, uploaded with their progress shown, and viewed. */
const config = require('../../config');
const { uniqueWord } = require('../../wxchat/util');

const STEP_PERCENT = 10;	/* a setData for each percent would be felt */

module.exports = {
	sendImage() {
		wx.chooseMedia({
			count: 1,
			mediaType: ['image'],
			sizeType: ['compressed'],
			success: (res) => {
				const file = res.tempFiles[0];
				const fields = { gallery: true, localUrl: file.tempFilePath, size: file.size };

				wx.getImageInfo({
					src: fields.localUrl,
					success: (info) => this.showImagePending(Object.assign(fields, {
						width: info.width,
						height: info.height,
						mimeType: 'image/' + (info.type || 'jpeg').replace('jpg', 'jpeg'),
					})),
					fail: () => this.showImagePending(fields),
				});
			},
		});
	},

	showImagePending(fields) {
		const cid = uniqueWord();

		this.uploads[cid] = fields;
		this.showPending(cid, fields);
		this.finishImage(cid);
	},

	finishImage(cid) {
		const fields = this.uploads[cid];
		let shown = 0;
		const options = {
			onProgress: (percent) => {
				if (percent - shown < STEP_PERCENT)
					return;
				shown = percent;
				this.setData(this.timeline.setPending(cid, { progress: percent }));
			},
		};
		const uploaded = config.directUpload && fields.mimeType
			? this.client.uploadDirect({ path: fields.localUrl, mimeType: fields.mimeType, size: fields.size }, options)
			: this.client.upload(fields.localUrl, options);

		uploaded.then(
			(file) => this.sendFields({
				gallery: true,
				url: file.url,
				width: fields.width,
				height: fields.height,
			}, cid),
			(err) => {
				this.setData(this.timeline.setPending(cid, { status: 'failed' }));
				this.complain(err);
			},
		);
	},

	showImage(event) {
		const current = event.currentTarget.dataset.url;
		const urls = this.timeline.list.filter((item) => item.kind === 'image' && item.url).map((item) => item.url);

		wx.previewImage({ current, urls: urls.indexOf(current) < 0 ? [current] : urls });
	},
};
