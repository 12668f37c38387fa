// What a tutorial's chat room is on Node: one process, the npm package ws, JSON in and out, sessions in a Map.
//   node ws.mjs SESSIONS        prints "listening PORT"
// Kinder to itself than most such servers: each text is made once for the sender and once for all others.
import fs from 'node:fs';
import { WebSocketServer } from 'ws';

const sessions = new Map(fs.readFileSync(process.argv[2], 'utf8').trim().split('\n').map((line, i) => {
	const [id, skey, uid] = line.split(' ');
	return [id, { skey, uid, nickName: `微信用户${i}`, avatarUrl: `https://example.com/avatar/${i}/132` }];
}));
const rooms = new Map();

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('listening', () => console.log(`listening ${server.address().port}`));

function tell(room, text, except) {
	for (const member of room)
		if (member !== except)
			member.send(text);
}

server.on('connection', (socket, request) => {
	const user = sessions.get(request.headers['x-wx-id']);
	if (user?.skey !== request.headers['x-wx-skey'])
		return socket.close(4401);
	const name = request.url;
	const room = rooms.get(name) ?? new Set();
	rooms.set(name, room);
	room.add(socket);
	socket.send(JSON.stringify({ type: 'system', number: room.size }));
	let id = 0;
	socket.on('message', (data) => {
		const message = JSON.parse(data);
		const more = { id: ++id, room: name, number: room.size, time: Date.now(), uid: user.uid,
			nickName: user.nickName, avatarUrl: user.avatarUrl };
		socket.send(JSON.stringify({ type: 'user', ...message, ...more }));
		tell(room, JSON.stringify({ type: 'remote', ...message, ...more }), socket);
	});
	socket.on('close', () => room.delete(socket) && room.size === 0 && rooms.delete(name));
});
