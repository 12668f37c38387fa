'use strict';
/* The page's words in two languages; t('name', value) puts values in the place of %. */
const WORDS = {
	en: {
		connections: 'Connections', authorised: 'logged in', messages: 'Messages', perSecond: '/s', in: 'in', out: 'out',
		cpu: 'CPU', ofCore: '% of a core', memory: 'Memory', lag: 'Loop lag', worst: 'at most',
		rooms: 'Rooms', filter: 'Filter', noRooms: 'Nobody is in any room.', pickRoom: 'Choose a room to see its members and messages.',
		members: 'Members', online: '% online', send: 'Send', sayAs: 'Say something as the system', back: 'Back',
		older: 'Older messages', recalled: 'recalled', recall: 'Recall', mute: 'Mute', kick: 'Kick', ban: 'Ban',
		bans: 'Bans', noBans: 'Nobody is banned.', unban: 'Unban', until: 'until %', always: 'for ever',
		broadcast: 'Broadcast', broadcastWhat: 'A message in every room that has members.', sentTo: 'Sent to % rooms',
		lock: 'Lock', tokenTitle: 'Operator\u2019s console', tokenWhat: 'Enter the token from the file that [admin] token_file names. It stays in this tab.',
		token: 'Token', open: 'Open', tokenWrong: 'That is not the token.', tokenNone: 'The server has no token: put a long random line into a file and name it in [admin] token_file.',
		howLong: 'For how long', minutes10: '10 minutes', hour1: '1 hour', day1: '1 day', week1: '1 week', forever: 'For ever',
		reason: 'Reason', text: 'Text', cancel: 'Cancel', close: 'Close', done: 'Done',
		muteWhat: '% may read, but not speak, in this room.', kickWhat: '% is put out of this room, and may come back.',
		banWhat: '% is disconnected and cannot come back.', recallWhat: 'The message is erased, for everybody and for ever.',
		noAnswer: 'no answer from the server', up: 'up %', devices: '% devices', picture: 'picture',
	},
	zh: {
		connections: '连接', authorised: '已登录', messages: '消息', perSecond: '/秒', in: '收', out: '发',
		cpu: 'CPU', ofCore: '% 单核', memory: '内存', lag: '循环延迟', worst: '最大',
		rooms: '房间', filter: '筛选', noRooms: '目前没有人在线。', pickRoom: '选择一个房间,查看成员和消息。',
		members: '成员', online: '% 人在线', send: '发送', sayAs: '以系统身份发言', back: '返回',
		older: '更早的消息', recalled: '已撤回', recall: '撤回', mute: '禁言', kick: '移出', ban: '封禁',
		bans: '封禁名单', noBans: '没有被封禁的用户。', unban: '解封', until: '至 %', always: '永久',
		broadcast: '广播', broadcastWhat: '向每个有人的房间发送一条消息。', sentTo: '已发送到 % 个房间',
		lock: '锁定', tokenTitle: '管理控制台', tokenWhat: '请输入 [admin] token_file 所指文件中的令牌,仅保存在此标签页。',
		token: '令牌', open: '进入', tokenWrong: '令牌不正确。', tokenNone: '服务器没有令牌:请把一行足够长的随机字符写入文件,并用 [admin] token_file 指明。',
		howLong: '时长', minutes10: '10 分钟', hour1: '1 小时', day1: '1 天', week1: '1 周', forever: '永久',
		reason: '原因', text: '内容', cancel: '取消', close: '关闭', done: '完成',
		muteWhat: '% 可以阅读,但不能在此房间发言。', kickWhat: '% 将被移出房间,可再次进入。',
		banWhat: '% 将断开连接,且无法再连接。', recallWhat: '该消息将对所有人永久删除。',
		noAnswer: '服务器没有响应', up: '已运行 %', devices: '% 台设备', picture: '图片',
	},
};
const LANGUAGE = (navigator.language || 'en').toLowerCase().startsWith('zh') ? 'zh' : 'en';

function t(name, value) {
	const text = WORDS[LANGUAGE][name];
	return value === undefined ? text : text.replace('%', value);
}
