// Builds the browser preview of miniprogram/: node tests/preview/build.mjs OUTPUT_DIR
//
// Everything of the mini-program is used as it is: its templates go through WeChat's own
// template compiler, its styles keep their rules (rpx and the names of the built-in elements
// become what a browser knows, as they do on a phone), and its scripts are wrapped, unchanged,
// in functions that see `wx`, `Page` and the like and nothing of the browser.
import { createRequire } from 'node:module';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { elementTags, transformTemplate, transformStyle } from './transform.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { TmplGroup } = require('glass-easel-template-compiler');
const program = join(here, '../../miniprogram');
const output = process.argv[2] || join(here, '../../build/preview');

// What a script of a mini-program can see, besides the language itself.
const GLOBALS = ['require', 'module', 'exports', 'wx', 'App', 'Page', 'Component', 'Behavior', 'getApp', 'getCurrentPages'];
const HIDDEN = ['window', 'document', 'self', 'globalThis', 'parent', 'location', 'navigator', 'fetch', 'WebSocket',
	'XMLHttpRequest', 'localStorage', 'sessionStorage', 'TextEncoder', 'TextDecoder', 'URL', 'Blob', 'crypto'];

function filesBelow(dir) {
	return readdirSync(dir).flatMap((name) => {
		const path = join(dir, name);
		return statSync(path).isDirectory() ? filesBelow(path) : [path];
	});
}

const files = filesBelow(program).map((path) => ({
	path,
	name: relative(program, path).replace(/\.\w+$/, ''),
	ext: path.slice(path.lastIndexOf('.') + 1),
	text: readFileSync(path, 'utf8'),
}));
const ofKind = (ext) => files.filter((file) => file.ext === ext);

// Scripts
const modules = ofKind('js').map((file) => (
	`${JSON.stringify(file.name)}: function (${GLOBALS.concat(HIDDEN).join(', ')}) {'use strict';\n${file.text}\n}`));

// Configuration: app.json, and one file beside each page and component
const configs = Object.fromEntries(ofKind('json').map((file) => [file.name, JSON.parse(file.text)]));

// Templates, and those of the built-in elements that have an inside
const group = new TmplGroup();
const templates = ofKind('wxml').concat([
	{ name: 'wx-scroll-view', text: '<div class="wx-scroller"><slot></slot></div>' },
]);
for (const file of templates) {
	const problems = group.addTmpl(file.name, transformTemplate(file.text));
	for (const problem of problems)
		throw new Error(`${file.name}.wxml: ${JSON.stringify(problem)}`);
}

// Styles; those of isolated components get a prefix on their classes
const styles = {};
for (const file of ofKind('wxss')) {
	const config = configs[file.name] || {};
	const scope = config.component ? file.name.replace(/\W+/g, '-') : '';
	styles[file.name] = { scope, css: transformStyle(file.text, scope) };
}

rmSync(output, { recursive: true, force: true });
mkdirSync(join(output, 'vendor'), { recursive: true });
writeFileSync(join(output, 'code.js'), [
	'// Made by tests/preview/build.mjs from miniprogram/.',
	`export const elements = ${JSON.stringify(elementTags)};`,
	`export const configs = ${JSON.stringify(configs)};`,
	`export const styles = ${JSON.stringify(styles)};`,
	`export const templates = ${group.getTmplGenObjectGroups()};`,
	`export const modules = {\n${modules.join(',\n')}\n};`,
	'',
].join('\n'));
for (const name of readdirSync(join(here, 'page')))
	cpSync(join(here, 'page', name), join(output, name));
cpSync(join(dirname(require.resolve('glass-easel/package.json')), 'dist/glass_easel.all.es.js'),
	join(output, 'vendor/glass-easel.js'));
cpSync(join(dirname(require.resolve('glass-easel-miniprogram-adapter/package.json')),
	'dist/glass_easel_miniprogram_adapter.es.js'), join(output, 'vendor/miniprogram-adapter.js'));
