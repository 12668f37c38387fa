/* emitter.js - named events with plain functions.  A handler may add or remove handlers. */
class Emitter {
	constructor() {
		this.handlers = {};
	}

	/* Returns a function that removes the handler again. */
	on(name, handler) {
		const list = this.handlers[name] || (this.handlers[name] = []);

		list.push(handler);
		return () => {
			const at = list.indexOf(handler);

			if (at >= 0)
				list.splice(at, 1);
		};
	}

	emit(name, value) {
		(this.handlers[name] || []).slice().forEach((handler) => handler(value));
	}
}

module.exports = Emitter;
