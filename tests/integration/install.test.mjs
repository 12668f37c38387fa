// What `make install` puts where.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { bin, root } from './lib/system.mjs';

test('the documentation that is installed links to nothing that is not', (t) => {
	const dest = fs.mkdtempSync(path.join(os.tmpdir(), 'wxchat-install-'));
	t.after(() => fs.rmSync(dest, { recursive: true, force: true }));
	const { MAKEFLAGS, MAKELEVEL, ...env } = process.env;
	execFileSync('make', ['-C', root, '-s', 'install', `DESTDIR=${dest}`, 'PREFIX=/usr', `BUILD=${path.relative(root, path.dirname(bin))}`],
		{ env, stdio: ['ignore', 'ignore', 'inherit'] });
	const docs = path.join(dest, 'usr/share/doc/wxchat');
	const pages = fs.readdirSync(docs, { recursive: true }).filter((name) => name.endsWith('.md'));
	assert.ok(pages.includes('README.md') && pages.includes('README.zh-CN.md'));
	for (const page of pages)
		for (const [, link] of fs.readFileSync(path.join(docs, page), 'utf8').matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
			if (!/^https?:/.test(link))
				assert.ok(fs.existsSync(path.join(docs, path.dirname(page), link)), `${page}: ${link}`);
	assert.ok(fs.statSync(path.join(docs, 'lighttpd.conf')).isFile());
});
