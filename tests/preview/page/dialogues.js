// The dialogues that WeChat itself draws over a mini-program.
function layer(className) {
	const element = document.createElement('div');

	element.className = `wechat-layer ${className}`;
	document.body.appendChild(element);
	return element;
}

function add(parent, tag, text) {
	const element = document.createElement(tag);

	element.textContent = text;
	parent.appendChild(element);
	return element;
}

export function toast(text, ms) {
	const element = add(document.body, 'div', text);

	element.className = 'wechat-toast';
	setTimeout(() => element.remove(), ms);
}

// Resolves with the index of the chosen item; rejects when cancelled.
export function actionSheet(items) {
	return new Promise((resolve, reject) => {
		const shade = layer('');
		const sheet = add(shade, 'div', '');

		sheet.className = 'wechat-sheet';
		items.forEach((item, index) => {
			add(sheet, 'div', item).onclick = () => resolve(index);
		});
		add(sheet, 'div', '取消');
		shade.addEventListener('click', () => {
			shade.remove();
			reject(new Error('cancel'));	// after a choice this changes nothing
		});
	});
}

// Resolves with whether it was confirmed.
export function modal({ title, content, confirmText, cancelText }) {
	return new Promise((resolve) => {
		const shade = layer('');
		const box = add(shade, 'div', '');
		const done = (yes) => () => {
			shade.remove();
			resolve(yes);
		};

		box.className = 'wechat-dialogue';
		add(box, 'h1', title || '');
		add(box, 'p', content || '');
		const buttons = add(box, 'nav', '');

		add(buttons, 'div', cancelText || '取消').onclick = done(false);
		add(buttons, 'div', confirmText || '确定').onclick = done(true);
	});
}

export function viewImage(url) {
	const shade = layer('wechat-viewer');

	add(shade, 'img', '').src = url;
	shade.onclick = () => shade.remove();
}

export function pickFile(accept) {
	return new Promise((resolve, reject) => {
		const input = Object.assign(document.createElement('input'), { type: 'file', accept });

		input.onchange = () => resolve(input.files[0]);
		input.oncancel = () => reject(new Error('cancel'));
		input.click();
	});
}
