// The mini-program's list of messages: order, patches, and the lines between.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { library } from './lib/phone.mjs';

const { Timeline } = library('./timeline.js');
const NOW = new Date(2026, 2, 10, 12, 0, 0).getTime();

let timeline;
let shown;	// what a page that applies the patches has

// setData, as far as the patches use it.
function apply(patch) {
	for (const [path, value] of Object.entries(patch)) {
		const index = /^list\[(\d+)\]$/.exec(path);

		if (index)
			shown.list[Number(index[1])] = structuredClone(value);
		else if (path.startsWith('users.'))
			shown.users[path.slice(6)] = structuredClone(value);
		else
			shown[path] = structuredClone(value);
	}
	assert.deepEqual(shown.list, structuredClone(timeline.list), 'the page shows what the timeline holds');
	return Object.keys(patch);
}

function message(id, fields) {
	return {
		type: 'remote', id, room: 'lobby', time: NOW - 60000 + id, uid: '0her', nickName: '小红', avatarUrl: 'https://example.com/h.png',
		text: true, content: `m${id}`, ...fields,
	};
}

const mine = (id, fields) => message(id, { type: 'user', uid: '1me', nickName: '小明', ...fields });
const push = (one) => apply(timeline.push(one, NOW));
const texts = () => shown.list.map((item) => item.text || item.kind);

beforeEach(() => {
	timeline = new Timeline();
	shown = { list: [], users: {} };
});

test('a message at the end is one path', () => {
	push(message(1));
	assert.deepEqual(push(message(2)), ['list[1]']);
	assert.deepEqual(texts(), ['m1', 'm2']);
	assert.equal(shown.list[1].anchor, 'msg2');
});

test('an id is shown once', () => {
	push(message(1));
	push(message(1));
	assert.deepEqual(texts(), ['m1']);
});

test('a late one takes its place', () => {
	push(message(1));
	push(message(3));
	push(message(2));
	assert.deepEqual(texts(), ['m1', 'm2', 'm3']);
});

test('the own message keeps its key when it is acknowledged, so that it does not flicker', () => {
	push(message(1));
	apply(timeline.pushPending('c1', { text: true, content: 'hi' }, 'u1me', NOW));
	const { key, status } = shown.list[1];

	assert.equal(status, 'sending');
	push(mine(2, { cid: 'c1', content: 'hi' }));
	assert.deepEqual(texts(), ['m1', 'hi']);
	assert.equal(shown.list[1].key, key);
	assert.equal(shown.list[1].status, '');
	assert.equal(shown.list[1].anchor, 'msg2');
});

test('what is being sent stays below what comes meanwhile', () => {
	apply(timeline.pushPending('c1', { text: true, content: 'a' }, 'u1me', NOW));
	apply(timeline.pushPending('c2', { text: true, content: 'b' }, 'u1me', NOW));
	push(message(1));
	apply(timeline.pushLine('“小红”离开了聊天室', '0her'));
	assert.deepEqual(texts(), ['m1', '“小红”离开了聊天室', 'a', 'b']);
	push(mine(2, { cid: 'c1', content: 'a' }));
	push(message(3));
	push(mine(4, { cid: 'c2', content: 'b' }));
	assert.deepEqual(texts(), ['m1', '“小红”离开了聊天室', 'a', 'm3', 'b']);
});

test('another user\'s message with the same cid acknowledges nothing', () => {
	apply(timeline.pushPending('c1', { text: true, content: 'a' }, 'u1me', NOW));
	push(message(1, { cid: 'c1' }));
	assert.equal(shown.list.length, 2);
	assert.equal(shown.list[1].status, 'sending');
});

test('a failed message can be sent again or removed', () => {
	apply(timeline.pushPending('c1', { text: true, content: 'a' }, 'u1me', NOW));
	apply(timeline.setPending('c1', { status: 'failed' }));
	assert.equal(shown.list[0].status, 'failed');
	apply(timeline.removePending('c1'));
	assert.deepEqual(shown.list, []);
});

test('older messages go above, none twice', () => {
	push(message(10));
	apply(timeline.merge([message(8), message(9), message(10)], NOW));
	assert.deepEqual(texts(), ['m8', 'm9', 'm10']);
	assert.equal(timeline.firstId(), 8);
	assert.equal(timeline.lastId(), 10);
});

test('a gap shrinks as it is filled, and goes', () => {
	push(message(1));
	apply(timeline.pushGap(1, 8));
	push(message(8));
	push(message(9));
	assert.deepEqual(texts(), ['m1', 'gap', 'm8', 'm9']);
	apply(timeline.merge([message(5), message(6), message(7)], NOW));
	apply(timeline.narrowGap('gap1', 5));
	assert.deepEqual(texts(), ['m1', 'gap', 'm5', 'm6', 'm7', 'm8', 'm9']);
	assert.equal(shown.list[1].first, 5);
	apply(timeline.merge([message(2), message(3), message(4)], NOW));
	apply(timeline.narrowGap('gap1', 2));
	assert.deepEqual(texts(), ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9']);
});

test('a gap of nothing is not shown', () => {
	push(message(1));
	apply(timeline.pushGap(1, 2));
	assert.deepEqual(texts(), ['m1']);
});

test('somebody who comes and goes makes one line', () => {
	apply(timeline.pushLine('“小红”离开了聊天室', '0her'));
	apply(timeline.pushLine('“小红”进入了聊天室', '0her'));
	apply(timeline.pushLine('“小刚”进入了聊天室', '0him'));
	assert.deepEqual(texts(), ['“小红”进入了聊天室', '“小刚”进入了聊天室']);
});

test('a recalled message becomes a line, live and in history', () => {
	push(message(1));
	push(mine(2));
	apply(timeline.recall(1));
	apply(timeline.recall(2));
	apply(timeline.recall(2, { uid: '1me' }));
	push(message(3, { recalled: true, content: undefined, nickName: undefined, avatarUrl: undefined }));
	assert.deepEqual(texts(), ['“小红”撤回了一条消息', '你撤回了一条消息', '“小红”撤回了一条消息']);
	assert.equal(JSON.stringify(shown.list).includes('m1'), false, 'the text is gone');
});

test('a moderator\'s recall says so', () => {
	push(message(1));
	apply(timeline.recall(1, { uid: 'moderator' }));
	assert.deepEqual(texts(), ['管理员撤回了一条消息']);
});

test('a new name and avatar are one path, for all that was said', () => {
	push(message(1));
	push(message(2));
	assert.deepEqual(apply(timeline.setUser({ uid: '0her', nickName: '红红', avatarUrl: 'b' })), ['users.u0her']);
	assert.deepEqual(shown.users.u0her, { name: '红红', avatar: 'b' });
});

test('unread messages of others get a line above them', () => {
	timeline.merge([message(1), mine(2), message(3)], NOW);
	const { anchor, patch } = timeline.divide(1, '以下是新消息');

	apply(patch);
	assert.deepEqual(texts(), ['m1', 'm2', '以下是新消息', 'm3']);
	assert.equal(anchor, 'msg-unread');
	assert.equal(timeline.divide(3, 'x').anchor, '');
});

test('times are shown after five minutes of silence, as chats write them', () => {
	const day = 24 * 3600 * 1000;

	for (const [id, time] of [[1, NOW - 400 * day], [2, NOW - 3 * day], [3, NOW - day], [4, NOW - 60000], [5, NOW]])
		push(message(id, { time }));
	apply(timeline.pushLine('line'));
	push(message(6, { time: NOW + 1000 }));
	assert.deepEqual(shown.list.filter((item) => item.id).map((item) => item.label),
		['2025年2月3日 12:00', '3月7日 12:00', '昨天 12:00', '11:59', '', '']);
});

test('a picture keeps its shape from the start, within bounds', () => {
	push(message(1, { text: undefined, gallery: true, url: 'https://example.com/a.png', width: 800, height: 400 }));
	push(message(2, { text: undefined, gallery: true, url: 'https://example.com/a.png', width: 1, height: 100000 }));
	push(message(3, { text: undefined, gallery: true, url: 'https://example.com/a.png' }));
	assert.deepEqual(shown.list.map((item) => [item.kind, item.width, item.height]),
		[['image', 320, 160], ['image', 120, 320], ['image', 320, 320]]);
});

test('what is neither text nor picture says so', () => {
	push(message(1, { text: undefined, content: undefined, gallery: true, url: 'javascript:alert(1)' }));
	push(message(2, { content: { a: 1 } }));
	assert.deepEqual(texts(), ['[暂不支持的消息]', '[暂不支持的消息]']);
});

test('the list is bounded, more generously while the user reads further up', () => {
	for (const [isReading, most] of [[false, 400], [true, 1200]]) {
		timeline = new Timeline();
		for (let id = 1; id <= 2000; id++) {
			timeline.push(message(id), NOW);
			timeline.trim(isReading);
			assert.ok(timeline.list.length <= most);
		}
		assert.ok(timeline.list.length > most - 101);
		assert.equal(timeline.lastId(), 2000);
	}
});
