/* Part of the chat page: what is in view.  atBottom says that the newest message is, and
 * that the next one is to be followed. */
const AT_BOTTOM_PX = 120;
const HEIGHT_PX = 600;	/* of the list, until it has been measured */

module.exports = {
	/* The list must be there before the id is named, and naming the same id twice does
	 * nothing: so it is always a setData of its own, and after a reset if need be. */
	scrollTo(anchor, smooth) {
		if (!anchor)
			return;
		if (anchor === this.data.scrollTo)
			this.setData({ scrollTo: '' });
		this.setData({ scrollTo: anchor, smooth });
	},

	lastAnchor() {
		const last = this.timeline.last();

		return last ? last.anchor : '';
	},

	toBottom() {
		this.atBottom = true;
		this.scrollTo(this.lastAnchor(), true);
		this.onBottom();
	},

	/* The list or what it shows has changed its height: who was at its end stays there. */
	follow() {
		if (this.atBottom && !(this.away > AT_BOTTOM_PX))
			this.scrollTo('tail', false);
	},

	onBottom() {
		this.atBottom = true;
		this.away = 0;
		if (this.data.unseen)
			this.setData({ unseen: 0 });
		this.tellRead();
	},

	onScroll(event) {
		const { scrollTop, scrollHeight } = event.detail;
		const looksBack = scrollTop < this.scrolled;

		this.scrolled = scrollTop;
		this.away = scrollHeight - scrollTop - this.viewHeight();
		if (looksBack && this.away > AT_BOTTOM_PX)
			this.atBottom = false;
	},

	viewHeight() {
		if (!this.height)
			wx.createSelectorQuery().select('.list').boundingClientRect((rect) => {
				this.height = rect ? rect.height : 0;
			}).exec();
		return this.height || HEIGHT_PX;
	},

	/* Sets what takes room from the list. */
	resize(data) {
		this.height = 0;
		this.setData(data);
		this.follow();
	},

	onKeyboard(event) {
		this.resize({ keyboard: event.detail.height });
	},
};
