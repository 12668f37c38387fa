/* The console: asks the API and shows what it says.  Everything that came from users goes in as text, never as HTML. */
const $ = (id) => document.getElementById(id);

/* make('li', {className: 'x', onclick: f}, child, 'text', …) */
function make(tag, given, ...children) {
	const e = Object.assign(document.createElement(tag), given);
	e.append(...children.filter((c) => c !== null && c !== undefined));
	return e;
}

/* --- the API --- */

let token = sessionStorage.getItem('wxchat-token') || '';

class Refused extends Error {
	constructor(status, error, message) {
		super(message);
		this.status = status;
		this.error = error;
	}
}

async function api(path, body) {
	let answer, json = {};
	try {
		answer = await fetch('api/' + path, {
			method: body ? 'POST' : 'GET', cache: 'no-store',
			headers: { Authorization: 'Bearer ' + token, ...(body && { 'Content-Type': 'application/json' }) },
			body: body && JSON.stringify(body), signal: AbortSignal.timeout(8000),
		});
	} catch {
		throw new Refused(0, '', t('noAnswer'));
	}
	try {
		json = await answer.json();
	} catch {
		json.message = answer.statusText;
	}
	if (answer.ok && json.ok)
		return json;
	if (answer.status === 401 || answer.status === 403)
		askToken(answer.status === 403 ? t('tokenNone') : token ? t('tokenWrong') : '');
	throw new Refused(answer.status, json.error, json.message);
}

function toast(text, isBad) {
	const e = make('div', { className: isBad ? 'toast is-bad' : 'toast' }, text);
	$('toasts').append(e);
	setTimeout(() => e.remove(), isBad ? 6000 : 2500);
}

/* Does something by the API and says how it went; the answer, or null. */
async function act(path, body) {
	try {
		const answer = await api(path, body);
		toast(path === 'broadcast' ? t('sentTo', answer.rooms) : t('done'));
		return answer;
	} catch (e) {
		toast(e.message, true);
		return null;
	}
}

/* --- the token --- */

function askToken(why) {
	$('token-wrong').textContent = why;
	$('token-wrong').hidden = !why;
	if (!$('token-dialog').open) {
		$('token').value = '';
		$('token-dialog').showModal();
	}
}

$('token-dialog').addEventListener('cancel', (e) => e.preventDefault());
$('token-form').addEventListener('submit', async (e) => {
	e.preventDefault();
	token = $('token').value.trim();
	try {
		await api('stats');
		sessionStorage.setItem('wxchat-token', token);
		$('token-dialog').close();
		tick();
	} catch (refused) {
		if (refused.status !== 401 && refused.status !== 403)
			askToken(refused.message);
	}
});
$('lock').addEventListener('click', () => {
	token = '';
	sessionStorage.removeItem('wxchat-token');
	closeRoom();
	$('rooms').replaceChildren();
	askToken('');
});

/* --- figures --- */

const KEPT = 300;		/* samples: five minutes */

function short(v) {
	if (v >= 1e9)
		return (v / 1e9).toFixed(1) + 'G';
	if (v >= 1e6)
		return (v / 1e6).toFixed(1) + 'M';
	if (v >= 1e4)
		return (v / 1e3).toFixed(v >= 1e5 ? 0 : 1) + 'k';
	return v >= 100 || Number.isInteger(v) ? String(Math.round(v)) : v.toFixed(1);
}

function bytes(v) {
	return v >= 1 << 30 ? (v / (1 << 30)).toFixed(2) + ' GiB' : (v / (1 << 20)).toFixed(1) + ' MiB';
}

function milliseconds(us) {
	return us >= 10000 ? (us / 1000).toFixed(0) + ' ms' : (us / 1000).toFixed(2) + ' ms';
}

const rate = (now, before, name) => Math.max(0, (now[name] - before[name]) / ((now.time - before.time) / 1000));

/* Each curve: how its values come from two samples, and how they are told. */
const CURVES = [
	{
		name: 'connections', colours: ['--c1'], wide: true,
		values: (s) => [s.connections], axis: short,
		now: (v, s) => [short(v[0]), ' ', make('small', {}, short(s.authorised) + ' ' + t('authorised'))],
	},
	{
		name: 'messages', colours: ['--c2', '--c3'], wide: true,
		values: (s, b) => [rate(s, b, 'messages_in'), rate(s, b, 'messages_out')], axis: short,
		now: (v) => [
			keyed('--c2', ''), short(v[0]), make('small', {}, ' ' + t('in') + t('perSecond')),
			make('span', { className: 'plus' }, keyed('--c3', '')), short(v[1]), make('small', {}, ' ' + t('out') + t('perSecond')),
		],
	},
	{
		name: 'cpu', colours: ['--c4'],
		values: (s, b) => [(s.process.cpu_us - b.process.cpu_us) / (s.time - b.time) / 10], axis: (v) => short(v) + '%',
		now: (v) => [v[0].toFixed(1), make('small', {}, ' ' + t('ofCore'))],
	},
	{
		name: 'memory', colours: ['--c2'],
		values: (s) => [s.process.private_bytes / (1 << 20)], axis: (v) => short(v) + 'M',
		now: (v, s) => [bytes(s.process.private_bytes)],
	},
	{
		name: 'lag', colours: ['--c5'], wide: true,
		values: (s) => [s.lag_us / 1000], axis: (v) => short(v) + 'ms',
		now: (v, s) => [milliseconds(s.lag_us), ' ', make('small', {}, t('worst') + ' ' + milliseconds(s.lag_max_us))],
	},
];

function keyed(name, text) {
	const key = make('span', { className: 'key' });
	key.style.background = 'var(' + name + ')';
	return make('span', {}, key, text);
}

const times = [];
let before = null;
for (const c of CURVES) {
	c.kept = c.colours.map(() => []);
	c.number = make('div', { className: 'curve-now' }, '–');
	const plot = make('div', { className: 'plot' });
	$('curves').append(make('div', { className: c.wide ? 'curve is-wide' : 'curve' },
		make('div', { className: 'curve-head' }, t(c.name)), c.number, plot));
	c.chart = chart(plot, c.colours, c.axis);
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => CURVES.forEach((c) => c.chart.repaint()));

function span(seconds) {
	const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24, m = Math.floor(seconds / 60) % 60;
	return d ? d + 'd ' + h + 'h' : h ? h + 'h ' + m + 'm' : m ? m + 'm' : seconds + 's';
}

function showFigures(s) {
	$('about').textContent = s.version + ' · ' + t('up', span(s.uptime_s));
	/* A restart begins all counters anew. */
	if (before && (s.uptime_s < before.uptime_s || s.time <= before.time))
		before = null;
	if (before) {
		times.push(s.time / 1000);
		if (times.length > KEPT)
			times.shift();
		for (const c of CURVES) {
			const values = c.values(s, before);
			values.forEach((v, i) => {
				c.kept[i].push(v);
				if (c.kept[i].length > KEPT)
					c.kept[i].shift();
			});
			c.number.replaceChildren(...c.now(values, s));
			c.chart.draw(times, c.kept);
		}
	}
	before = s;
}

/* --- rooms --- */

let rooms = [], roomCount = 0, open = null;

function showRooms() {
	const wanted = $('rooms-filter').value.trim().toLowerCase();
	const shown = rooms.filter((r) => r.room.toLowerCase().includes(wanted));
	$('rooms-count').textContent = short(roomCount);
	$('rooms-none').hidden = rooms.length > 0;
	$('rooms').replaceChildren(...shown.slice(0, 300).map((r) => make('li', {},
		make('button', {
			type: 'button', className: open && open.room === r.room ? 'room-line is-open' : 'room-line',
			onclick: () => openRoom(r.room),
		}, make('b', {}, r.room), make('span', {}, '#' + short(r.id)), make('span', {}, t('online', short(r.users)))))));
}
$('rooms-filter').addEventListener('input', showRooms);

function openRoom(room) {
	open = { room, messages: new Map(), members: [], more: false, shown: '' };
	document.body.classList.add('has-room');
	$('room').hidden = false;
	$('room-hint').hidden = true;
	$('room-name').textContent = room;
	$('room-count').textContent = '';
	$('tail').replaceChildren();
	$('members').replaceChildren();
	showRooms();
	refreshRoom();
}

function closeRoom() {
	open = null;
	document.body.classList.remove('has-room');
	$('room').hidden = true;
	$('room-hint').hidden = false;
	showRooms();
}
$('room-close').addEventListener('click', closeRoom);

function faceOf(name) {
	return make('span', { className: 'face', ariaHidden: 'true' }, [...(name || '?').trim()][0] || '?');
}

function contentOf(m) {
	if (m.recalled)
		return make('div', { className: 'what is-gone' }, t('recalled'));
	if (typeof m.content === 'string')
		return make('div', { className: 'what' }, m.content);
	if (m.gallery && typeof m.url === 'string')
		return make('div', { className: 'what is-data' }, t('picture') + ' ' + m.url);
	const { id, room, time, uid, nickName, avatarUrl, number, type, cid, ...rest } = m;
	return make('div', { className: 'what is-data' }, JSON.stringify(rest));
}

function messageLine(room, m) {
	return make('div', { className: 'message' }, faceOf(m.nickName),
		make('div', { className: 'who' }, make('b', {}, m.nickName || m.uid || ''), '#' + m.id + ' · ' + new Date(m.time).toLocaleTimeString()),
		m.recalled ? null : make('button', {
			type: 'button', className: 'small bad', textContent: t('recall'),
			onclick: () => confirmAct({
				title: t('recall'), what: t('recallWhat'), bad: true,
				run: () => act('recall', { room, id: m.id }),
			}),
		}),
		contentOf(m));
}

function showTail() {
	const tail = $('tail'), sorted = [...open.messages.values()].sort((a, b) => a.id - b.id);
	const shown = sorted.map((m) => m.id + (m.recalled ? 'r' : '')).join() + open.more;
	const isAtEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 60, fromEnd = tail.scrollHeight - tail.scrollTop;
	if (shown === open.shown)
		return;
	open.shown = shown;
	tail.replaceChildren(...sorted.map((m) => messageLine(open.room, m)));
	if (open.more)
		tail.prepend(make('button', { type: 'button', className: 'small older', textContent: t('older'), onclick: older }));
	tail.scrollTop = isAtEnd ? tail.scrollHeight : tail.scrollHeight - fromEnd;
}

function memberLine(room, m) {
	const name = m.nickName || m.uid;
	const button = (word, isBad, options) => make('button', {
		type: 'button', className: isBad ? 'small bad' : 'small', textContent: t(word),
		onclick: () => confirmAct({ title: t(word), what: t(word + 'What', name), bad: isBad, ...options }),
	});
	return make('li', { className: 'member' }, faceOf(name),
		make('div', {},
			make('div', { className: 'name', title: m.uid }, name, m.connections > 1 ? make('small', {}, ' ' + t('devices', m.connections)) : null),
			make('div', { className: 'acts' },
				button('mute', false, { seconds: true, run: (o) => act('mute', { room, uid: m.uid, seconds: o.seconds }) }),
				button('kick', false, { run: () => act('kick', { room, uid: m.uid }) }),
				button('ban', true, { seconds: true, reason: true, run: (o) => act('ban', { uid: m.uid, seconds: o.seconds, reason: o.reason }) }))));
}

function showMembers(answer) {
	const key = JSON.stringify(answer.members);
	$('room-count').textContent = t('online', short(answer.num ?? answer.members.length));
	if (key === open.membersKey)
		return;
	open.membersKey = key;
	$('members').replaceChildren(...answer.members.map((m) => memberLine(open.room, m)));
}

const query = (o) => new URLSearchParams(o).toString();

function take(page, isOlder) {
	for (const m of page.messages)
		open.messages.set(m.id, m);
	if (isOlder || open.shown === '')
		open.more = page.more;
	showTail();
}

async function refreshRoom() {
	const mine = open;
	if (!mine)
		return;
	const [page, members] = await Promise.all([
		api('history?' + query({ room: mine.room, limit: 50 })), api('members?' + query({ room: mine.room }))]);
	if (open !== mine)
		return;
	take(page, false);
	showMembers(members);
}

async function older() {
	const mine = open, first = Math.min(...mine.messages.keys());
	try {
		const page = await api('history?' + query({ room: mine.room, limit: 50, before: first }));
		if (open === mine)
			take(page, true);
	} catch (e) {
		toast(e.message, true);
	}
}

$('say').addEventListener('submit', async (e) => {
	const content = $('say-text').value.trim(), mine = open;
	e.preventDefault();
	if (!content || !mine)
		return;
	if (await act('publish', { room: mine.room, message: { text: true, content }, cid: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()) })) {
		$('say-text').value = '';
		refreshRoom().catch(() => {});
	}
});

/* --- asking before acting --- */

function confirmAct({ title, what, bad, seconds, reason, text, run }) {
	$('act-title').textContent = title;
	$('act-what').textContent = what;
	$('act-for').hidden = !seconds;
	$('act-why').hidden = !reason;
	$('act-say').hidden = !text;
	$('act-reason').value = $('act-text').value = '';
	$('act-seconds').value = '3600';
	$('act-go').textContent = title;
	$('act-go').className = bad ? 'main bad' : 'main';
	$('act-dialog').returnValue = '';
	$('act-dialog').onclose = async () => {
		if ($('act-dialog').returnValue !== 'go')
			return;
		await run({ seconds: Number($('act-seconds').value), reason: $('act-reason').value.trim(), text: $('act-text').value.trim() });
		refreshRoom().catch(() => {});
	};
	$('act-dialog').showModal();
}

$('open-broadcast').addEventListener('click', () => confirmAct({
	title: t('broadcast'), what: t('broadcastWhat'), text: true,
	run: (o) => o.text && act('broadcast', { message: { text: true, content: o.text } }),
}));

/* --- bans --- */

async function showBans() {
	const { bans } = await api('bans');
	$('bans-none').hidden = bans.length > 0;
	$('bans').replaceChildren(...bans.map((b) => make('li', { className: 'ban' },
		make('div', {}, b.nickName || b.address || b.uid,
			make('small', {}, [b.nickName ? b.uid : '', b.until ? t('until', new Date(b.until).toLocaleString()) : t('always'), b.reason || ''].filter(Boolean).join(' · '))),
		make('button', {
			type: 'button', className: 'small', textContent: t('unban'),
			onclick: async () => {
				await act('unban', b.address ? { address: b.address } : { uid: b.uid });
				showBans().catch(() => {});
			},
		}))));
}
$('open-bans').addEventListener('click', () => {
	showBans().then(() => $('bans-dialog').showModal(), (e) => toast(e.message, true));
});

/* --- the pulse --- */

let beat = 0, isBusy = false;

async function tick() {
	if (!token || isBusy || document.hidden || $('token-dialog').open)
		return;
	isBusy = true;
	try {
		showFigures(await api('stats'));
		if (beat++ % 2 === 0) {
			({ rooms, count: roomCount } = await api('rooms'));
			showRooms();
			await refreshRoom();
		}
		$('state').textContent = '';
	} catch (e) {
		$('state').textContent = e.status === 401 ? '' : e.message;
	} finally {
		isBusy = false;
	}
}

document.documentElement.lang = LANGUAGE === 'zh' ? 'zh-CN' : 'en';
for (const e of document.querySelectorAll('[data-t]'))
	e.textContent = t(e.dataset.t);
for (const e of document.querySelectorAll('[data-placeholder]'))
	e.placeholder = e.ariaLabel = t(e.dataset.placeholder);
for (const e of document.querySelectorAll('[data-label]'))
	e.ariaLabel = t(e.dataset.label);
if (!token)
	askToken('');
setInterval(tick, 1000);
tick();
