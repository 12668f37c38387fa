// Long presses, which glass-easel's DOM backend does not make: held for 350 ms without moving.
// The tap that would follow is swallowed, as on a phone.
const HOLD_MS = 350;
const MOVE_PX = 10;

export function watchLongPress(document) {
	let timer = 0;
	let start = null;
	let fired = false;

	const cancel = () => clearTimeout(timer);

	window.addEventListener('pointerdown', (event) => {
		cancel();
		fired = false;
		start = event;
		timer = setTimeout(() => {
			let node = start.target;

			while (node && !node.__wxElement)
				node = node.parentNode;
			if (!node)
				return;
			fired = true;
			node.__wxElement.triggerEvent('longpress', { x: start.clientX, y: start.clientY },
				{ bubbles: true, composed: true });
		}, HOLD_MS);
	}, true);
	window.addEventListener('pointermove', (event) => {
		if (start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > MOVE_PX)
			cancel();
	}, true);
	for (const name of ['pointerup', 'pointercancel'])
		window.addEventListener(name, cancel, true);
	for (const name of ['mouseup', 'touchend', 'click']) {
		window.addEventListener(name, (event) => {
			if (fired)
				event.stopPropagation();
		}, true);
	}
	document.addEventListener('contextmenu', (event) => event.preventDefault());
}
