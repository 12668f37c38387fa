// Libraries that are loaded before a program and make something fail or wait: tests/fault/NAME.c.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { bin, root } from './system.mjs';

export const sanitized = /lib[at]san/.test(execFileSync('ldd', [path.join(bin, 'push-server')], { encoding: 'utf8' }));

// For the options of tests that preload.
export const skip = sanitized && 'the sanitizers want to be loaded first';

// Builds one in a folder that goes with the test: env makes a program load it, dir is for what it is told by.
export function preload(t, name) {
	const dir = fs.mkdtempSync(path.join(root, 'build', 'fault-'));
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const library = path.join(dir, `${name}.so`);
	execFileSync('cc', ['-std=c11', '-D_GNU_SOURCE', '-O1', '-shared', '-fPIC', '-o', library, path.join(root, `tests/fault/${name}.c`)]);
	return { dir, env: { LD_PRELOAD: library } };
}
