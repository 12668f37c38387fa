// The mini-program's library against the real programs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { library } from './lib/phone.mjs';
import { startSystem } from './lib/system.mjs';
import { Phone } from './lib/wx.mjs';

const { create } = library('./index.js');

let sys, client;
before(async () => {
	sys = await startSystem({ push: true });
	globalThis.wx = new Phone(sys, '小明').wx;
	client = create({ base: sys.weapp, socket: sys.ws });
});
after(() => sys?.stop());

test('a socket for which no room is named is in the lobby, and speaks there', { timeout: 20000 }, async (t) => {
	const socket = client.connect();
	t.after(() => socket.close());
	const welcomed = new Promise((resolve) => socket.on('welcome', resolve));
	socket.open();
	assert.equal((await welcomed).room, 'lobby');
	assert.equal((await socket.send({ text: true, content: '你好' }).done).room, 'lobby');
});
