// The desk on which the phones lie: two by default, whose users ?users=a,b names.  ?room=
// opens another room than the mini-program's own.
const query = new URLSearchParams(location.search);
const users = (query.get('users') || '手机一,手机二').split(',');
const main = document.querySelector('main');
const phones = new Map();

function phoneFor(user) {
	const section = document.getElementById('phone').content.firstElementChild.cloneNode(true);
	const frame = section.querySelector('iframe');
	const asleep = section.querySelector('.asleep');
	const url = new URL('phone.html', location.href);
	const running = () => frame.contentWindow.phone;

	url.searchParams.set('user', user);
	if (query.has('room'))
		url.searchParams.set('room', query.get('room'));
	section.dataset.user = user;
	frame.src = url;
	section.querySelector('[data-do=background]').onclick = (event) => {
		const hide = asleep.hidden;

		asleep.hidden = !hide;
		event.target.textContent = hide ? '回到前台' : '切到后台';
		running()[hide ? 'hide' : 'show']();
	};
	section.querySelector('[data-do=network]').onclick = (event) => {
		const offline = section.classList.toggle('offline');

		event.target.textContent = offline ? '恢复网络' : '断开网络';
		running().setOnline(!offline);
	};
	section.querySelector('[data-do=expire]').onclick = () => running().expire();
	return section;
}

window.addEventListener('message', (event) => {
	const section = event.origin === location.origin && phones.get(event.data.user);

	if (section && event.data.event === 'title')
		section.querySelector('.title').textContent = event.data.title;
});

for (const user of users) {
	phones.set(user, phoneFor(user));
	main.appendChild(phones.get(user));
}

function tick() {
	const now = new Date();

	for (const clock of document.querySelectorAll('time'))
		clock.textContent = `${now.getHours()}:${String(now.getMinutes()).padStart(2, '0')}`;
}
tick();
setInterval(tick, 10000);
