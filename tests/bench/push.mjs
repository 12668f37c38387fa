// The push server's parts of the bench.
import fs from 'node:fs';
import { median } from './lib/report.mjs';

const BYTES = 300;
const ROUNDS = 7;

// Runs of all the rooms in turn, so that what else the machine does meets all of them alike: runs[i][round].
async function rounds(fans, messages, count = ROUNDS) {
	const runs = fans.map(() => []);
	for (let round = 0; round < count; round++)
		for (const [i, fan] of fans.entries())
			runs[i].push(await fan.run(messages[i]));
	return runs;
}

// How many sockets a process may have here; `make bench` raises it where it may.
const descriptors = () => Number(fs.readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+\d+\s+(\d+)/m)[1]);

const pick = (runs, name) => runs.map((run) => run[name]);
const ratios = (runs, to, name) => runs.map((run, i) => run[name] / to[i][name]);

export async function fanout(bench, report) {
	report.part('Fan-out: one room of 1,000 members', `${BYTES} bytes a delivery, one worker, each message stored (sync = batch)`);
	const servers = [await bench.floor(BYTES), await bench.push(), await bench.ws(), await bench.nchan(), await bench.lws()]
		.filter(Boolean);
	const budgets = { 'push-server': { most: 0.5 } };

	const one = [];
	for (const server of servers)
		one.push(await bench.fan(server, { m: 1000, i: 1, b: BYTES, B: true }));
	const single = await rounds(one, servers.map((server) => ['floor', 'push-server', 'libwebsockets'].includes(server.name) ? 300 : 60));
	for (const fan of one)
		await fan.stop();
	for (const [i, server] of servers.entries()) {
		report.figure(`one in flight, ${server.name}: CPU`, pick(single[i], 'cpu'), 'µs a delivery');
		report.figure(`one in flight, ${server.name}: user time`, pick(single[i], 'user'), 'µs a delivery', budgets[server.name]);
	}
	report.figure('one in flight, push-server to floor', ratios(single[1], single[0], 'cpu'), '×', { most: 1.08 });
	for (const i of servers.keys())
		if (i > 1)
			report.figure(`one in flight, ${servers[i].name} to push-server`, ratios(single[i], single[1], 'cpu'), '×');

	const many = [];
	for (const server of servers.slice(1))
		many.push(await bench.fan(server, { m: 1000, i: 16, t: 16, b: BYTES }));
	const burst = await rounds(many, servers.slice(1).map((server) => ['push-server', 'libwebsockets'].includes(server.name) ? 3200 : 160));
	for (const fan of many)
		await fan.stop();
	for (const [i, server] of servers.slice(1).entries()) {
		report.figure(`16 in flight by 16 members, ${server.name}: CPU`, pick(burst[i], 'cpu'), 'µs a delivery',
			i === 0 ? { most: 0.9 } : {});
		if (i > 0)
			report.figure(`16 in flight, ${server.name} to push-server`, ratios(burst[i], burst[0], 'cpu'), '×');
	}
	for (const server of servers)
		await server.stop();
}

export async function rooms(bench, report) {
	const count = descriptors() >= 21000 ? 2000 : 1500;
	report.part(`Many small rooms: ${count} rooms of 10, all of them talking`, '64 messages in flight, one worker');
	const servers = [await bench.push(), await bench.ws()];
	const runs = [];
	for (const server of servers) {
		const fan = await bench.fan(server, { R: count, m: 10, t: 10, i: 64, b: BYTES });
		const own = [];
		for (let round = 0; round < 3; round++)
			own.push(await fan.run(16000));
		await fan.stop();
		await server.stop();
		runs.push(own);
		report.figure(`${server.name}: CPU`, pick(own, 'cpu'), 'µs a delivery');
		report.figure(`${server.name}: CPU`, pick(own, 'cpu').map((us) => us * 10), 'µs a message');
	}
	report.figure('npm ws to push-server', median(pick(runs[1], 'cpu')) / median(pick(runs[0], 'cpu')), '×');
}

export async function strangers(bench, report) {
	report.part('The same room among strangers', 'a room of 100, one in flight; 100 or 15,000 silent strangers in rooms of ten');
	const runs = [];
	for (const x of [100, 15000]) {
		const server = await bench.push();
		const fan = await bench.fan(server, { m: 100, i: 1, b: BYTES, x, B: true });
		const own = [];
		for (let round = 0; round < ROUNDS; round++)
			own.push(await fan.run(1000));
		await fan.stop();
		await server.stop();
		runs.push(own);
		report.figure(`among ${x} strangers: CPU`, pick(own, 'cpu'), 'µs a delivery');
	}
	report.figure('15,000 to 100', median(pick(runs[1], 'cpu')) / median(pick(runs[0], 'cpu')), '×');
}

export async function stopped(bench, report) {
	const members = 10000, stopping = 100, bytes = 8000;
	report.part(`Slow consumers: ${stopping} of ${members} members of one room are stopped (SIGSTOP)`,
		`${bytes} bytes a delivery, one in flight; what a delivery to the others takes`);
	const server = await bench.push({ workers: 0, config: { push: { queue_kb: 64 } } });
	const open = () => fs.readdirSync(`/proc/${server.pids[0]}/fd`).length;
	const slow = await bench.fan(server, { m: stopping, t: 0, W: 65536 });
	const others = await bench.fan(server, { m: members - stopping, i: 1, b: bytes });
	const moving = [], held = [], before = open();
	for (let i = 0; i < 6; i++)
		moving.push(await others.run(60));
	slow.signal('SIGSTOP');
	for (let i = 0; i < 10; i++)		// the kernel keeps 4 MB for each; then they are slow
		held.push(await others.run(60));
	for (let s = 0; s < 40 && before - open() < stopping; s++)	// they have half a minute to hear why they are closed
		await new Promise((resolve) => setTimeout(resolve, 1000));
	const cut = before - open(), usual = median(pick(moving, 'p99'));
	slow.signal('SIGKILL');
	await others.stop();
	await slow.stop();
	await server.stop();
	report.figure('everybody reads: 50th percentile', pick(moving, 'p50'), 'ms');
	report.figure('everybody reads: 99th percentile', pick(moving, 'p99'), 'ms');
	report.figure('some are stopped: 50th percentile', pick(held, 'p50'), 'ms');
	report.figure('some are stopped: 99th percentile', pick(held, 'p99'), 'ms');
	report.figure('99th percentile, to everybody reading', held.map((run) => run.p99 / usual), '×', { most: 1.1 });
	report.figure('the stopped who were cut off', cut, 'phones', { least: stopping });
}

export async function workers(bench, report) {
	report.part('Workers: one room of 1,000 on one worker and on two', '16 in flight; the generator needs a core of its own');
	const servers = [await bench.push({ workers: 1 }), await bench.push({ workers: 2 })];
	const fans = [];
	for (const server of servers)
		fans.push(await bench.fan(server, { m: 1000, i: 16, t: 16, b: BYTES }));
	const runs = await rounds(fans, [3200, 3200]);
	for (const [i, own] of runs.entries()) {
		report.figure(`${i + 1} worker${i ? 's' : ''}: CPU`, pick(own, 'cpu'), 'µs a delivery');
		report.figure(`${i + 1} worker${i ? 's' : ''}: wall`, pick(own, 'wall'), 'µs a delivery');
		report.figure(`${i + 1} worker${i ? 's' : ''}: generator's CPU`, pick(own, 'own'), 'µs a delivery');
	}
	for (const fan of fans)
		await fan.stop();
	for (const server of servers)
		await server.stop();
}

export async function crowd(bench, report) {
	const phones = 15000;
	report.part(`A crowd: ${phones} phones with sessions, in rooms of 100`, 'workers as many as cores; three storms, everybody at once');
	const server = await bench.push({ workers: 0 });
	const idle = bench.memory(server.pids[0]);
	report.figure('push-server idle, no connections: own memory', idle.anonymous, 'MiB', { most: 4 });
	report.figure('  with pages of files that nobody else maps now', idle.withFiles, 'MiB');
	const result = await bench.crowd(server, { c: phones, a: 512, m: 100, r: 3 });
	await server.stop();
	const { storms } = result;
	report.figure('an idle authorised connection: own memory', (storms[0].anonymous - result.anonymous) / phones, 'bytes', { most: 464 });
	report.figure('  after the third storm', (storms[2].anonymous - result.anonymous) / phones, 'bytes');
	report.figure('  with mapped pages of the session store', (storms[0].withFiles - result.withFiles) / phones, 'bytes');
	report.figure('handshake with session check: CPU', storms.map((storm) => storm.cpuNs / storm.open / 1e3), 'µs', { most: 40 });
	report.figure('  of it user time', storms.map((storm) => storm.userUs / storm.open), 'µs');
	report.figure('storm: refused', storms.map((storm) => storm.refused), 'phones', { most: 0 });
	report.figure('storm: everybody back', storms.map((storm) => storm.wallNs / 1e9), 's');
	const ws = await bench.ws();
	const other = await bench.crowd(ws, { c: phones, a: 512, m: 100, r: 1 });
	await ws.stop();
	report.figure('npm ws: a connection\'s own memory', (other.storms[0].anonymous - other.anonymous) / phones, 'bytes');
	report.figure('npm ws: handshake: CPU', other.storms[0].cpuNs / other.storms[0].open / 1e3, 'µs');
}
