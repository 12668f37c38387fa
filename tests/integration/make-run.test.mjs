// What `make run` runs: the whole system on this machine, once in a clone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Program, bin, root } from './lib/system.mjs';

test('a second one in the same place is refused, and the first goes on', async (t) => {
	const build = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-run-'));
	const started = [];
	const run = () => {
		started.push(new Program('/bin/sh', [path.join(root, 'etc', 'run.sh'), build]));
		return started.at(-1);
	};

	t.after(async () => {
		for (const program of started)
			await program.stop();
		fs.rmSync(build, { recursive: true, force: true });
	});
	fs.symlinkSync(bin, path.join(build, 'bin'));
	fs.mkdirSync(path.join(build, 'preview'));
	const first = run();
	const [, url] = await first.line(/Two phones chat at +(\S+)/);
	const second = run();
	assert.equal((await second.line(/Two phones|^run: .*/))[0], `run: already running in ${build}/run`);
	assert.deepEqual(await second.exited, { code: 1, signal: null });
	assert.equal((await fetch(`${url}weapp/health`)).status, 200);
	await first.stop();
	await run().line(/Two phones chat at/);
});
