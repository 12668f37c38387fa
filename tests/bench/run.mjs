// make bench: figures beside their budgets.  BENCH=fanout,crowd runs only the parts named; --json FILE says where the figures
// go (build/bench.json otherwise).
//
// What is measured is processor time as the kernel accounts it to the server's process; clocks on shared machines lie.  Every
// figure is the median of several runs, with the lowest and the highest beside it; what is compared ran in turns.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bin } from '../integration/lib/system.mjs';
import { Report } from './lib/report.mjs';
import { Bench } from './lib/servers.mjs';
import * as login from './login.mjs';
import * as push from './push.mjs';

const parts = { ...push, ...login };
const { values } = parseArgs({ options: { json: { type: 'string', default: path.resolve(bin, '..', 'bench.json') } } });
const wanted = process.env.BENCH ? process.env.BENCH.split(/[ ,]+/) : Object.keys(parts);
for (const name of wanted)
	if (!parts[name]) {
		console.error(`BENCH: ${name} is none of ${Object.keys(parts).join(' ')}`);
		process.exit(2);
	}

const machine = { cores: os.cpus().length, cpu: os.cpus()[0].model, kernel: os.release(), loadBefore: os.loadavg()[0] };
const report = new Report(), bench = new Bench(), began = Date.now();
console.log(`${machine.cores} cores, ${machine.cpu}, Linux ${machine.kernel}, load ${machine.loadBefore.toFixed(2)} before`);
try {
	for (const name of wanted)
		await parts[name](bench, report);
} finally {
	await bench.stop();
}
report.write(values.json, machine);
const budgets = report.figures.filter((figure) => figure.passes !== undefined);
console.log(`\n${budgets.length - report.over} of ${budgets.length} within their budgets; ` +
	`${Math.round((Date.now() - began) / 1000)} s; all figures in ${path.relative('.', values.json)}`);
