// One phone: loads the mini-program and runs it, as WeChat's base library does.
import * as glassEasel from 'glass-easel';
import { MiniProgramEnv } from 'miniprogram-adapter';
import { configs, modules, styles, templates } from './code.js';
import { defineElements } from './elements.js';
import { watchLongPress } from './gestures.js';
import { createWx } from './wx.js';

const query = new URLSearchParams(location.search);
const user = query.get('user') || 'phone';
const host = createWx(user);
const { wx } = host;
const loaded = {};
let app = null;
let page = null;

// rpx in style attributes
function createElement(tag) {
	const element = document.createElement(tag);
	const set = element.setAttribute;

	element.setAttribute = (name, value) => set.call(element, name,
		name === 'style' ? value.replace(/(-?\d*\.?\d+)rpx\b/g, (all, n) => `${n / 7.5}vw`) : value);
	return element;
}

const context = new glassEasel.CurrentWindowBackendContext();
context.document = {
	createElement,
	createTextNode: (text) => document.createTextNode(text),
	createDocumentFragment: () => document.createDocumentFragment(),
};

context.onEvent((target, type, detail, options) => {
	const event = new glassEasel.Event(type, detail, options);

	glassEasel.Event.dispatchEvent(target, event);
	return event.getEventBubbleStatus();
});

const env = new MiniProgramEnv();
const space = env.createCodeSpace('', true);
const backend = env.associateBackend(context);

defineElements(glassEasel, space.getComponentSpace(), templates, host);
for (const [path, { scope, css }] of Object.entries(styles)) {
	backend.registerStyleSheetContent(path, css);
	space.addStyleSheet(path, path, scope || undefined);
}
for (const [path, content] of Object.entries(templates))
	space.addCompiledTemplate(path, { groupList: templates, content });
for (const [path, config] of Object.entries(configs))
	space.addComponentStaticConfig(path, { ...configs.app.window, ...config });

function resolve(from, name) {
	const parts = name.startsWith('/') ? [] : from.split('/').slice(0, -1);

	for (const part of name.replace(/\.js$/, '').split('/')) {
		if (part === '..')
			parts.pop();
		else if (part !== '.' && part !== '')
			parts.push(part);
	}
	return parts.join('/');
}

// Runs a script once; `constructors` are what Page, Component and Behavior mean in it.
function load(path, constructors) {
	if (loaded[path])
		return loaded[path].exports;
	if (!modules[path])
		throw new Error(`there is no ${path}.js`);
	const module = loaded[path] = { exports: {} };
	const misplaced = () => {
		throw new Error(`${path}.js is neither a page nor a component`);
	};
	modules[path](
		(name) => load(resolve(path, name), {}),
		module, module.exports, wx,
		(definition) => {
			app = definition;
		},
		constructors.Page || misplaced, constructors.Component || misplaced, constructors.Behavior || misplaced,
		() => app,
		() => (page ? [page] : []),
	);
	return module.exports;
}

function define(path) {
	for (const used of Object.values(configs[path]?.usingComponents || {}))
		define(resolve(path, used));
	space.componentEnv(path, (constructors) => load(path, constructors));
}

// The one thing that differs from a published mini-program: where its servers are.
Object.assign(load('config', {}), {
	base: `${location.origin}/weapp`,
	socket: `${location.origin.replace(/^http/, 'ws')}/ws`,
	...(query.has('room') ? { room: query.get('room') } : {}),
});

load('app', {});
app.onLaunch?.({});
const first = configs.app.pages[0];
host.setTitle(configs[first]?.navigationBarTitleText || configs.app.window.navigationBarTitleText);
define(first);
const root = backend.createRoot('wx-page', space, first);
page = root.get();
host.setPage(page);
page.onLoad?.({});
root.attach(document.body, document.getElementById('root'));
watchLongPress(document);
app.onShow?.({});
page.onShow?.();
page.onReady?.();

// What the frame around the phone can do to it.
window.phone = {
	user,
	hide() {
		page.onHide?.();
		app.onHide?.();
		host.hide();
	},
	show() {
		host.show();
		app.onShow?.({});
		page.onShow?.();
	},
	setOnline: (online) => host.setOnline(online),
	// Ends the session on the server; the phone is not told.
	expire: () => fetch('/weapp/logout', { method: 'POST', headers: host.sessionHeader() }),
};
window.parent.postMessage({ user, event: 'ready' }, location.origin);
