// The two renamings that a phone's web view does as well: the built-in elements get names
// that HTML does not use, and lengths in rpx (750 to the screen's width) become vw.

export const elementTags = ['view', 'text', 'image', 'scroll-view', 'input', 'button', 'form'];

const TAG = new RegExp(`<(/?)(${elementTags.join('|')})(?=[\\s/>])`, 'g');

export function transformTemplate(wxml) {
	return wxml.replace(TAG, '<$1wx-$2');
}

export function rpxToVw(css) {
	return css.replace(/(-?\d*\.?\d+)rpx\b/g, (all, number) => `${Number(number) / 7.5}vw`);
}

// Prefixes each class of `wxss` with `scope` (none when empty) and renames the elements.
export function transformStyle(wxss, scope) {
	return rules(rpxToVw(wxss.replace(/\/\*[\s\S]*?\*\//g, '')), scope);
}

function rules(css, scope) {
	let out = '';
	let at = 0;

	for (;;) {
		const open = css.indexOf('{', at);
		if (open < 0)
			return out + css.slice(at);
		const close = closing(css, open);
		const prelude = css.slice(at, open);
		const body = css.slice(open + 1, close);
		if (/^\s*@(media|supports)/.test(prelude))
			out += `${prelude}{${rules(body, scope)}}`;
		else if (/^\s*@/.test(prelude))
			out += `${prelude}{${body}}`;
		else
			out += `${selectors(prelude, scope)}{${body}}`;
		at = close + 1;
	}
}

function closing(css, open) {
	let depth = 0;

	for (let at = open; at < css.length; at++) {
		if (css[at] === '{')
			depth++;
		else if (css[at] === '}' && --depth === 0)
			return at;
	}
	throw new Error(`a { without its }: ${css.slice(open, open + 40)}`);
}

function selectors(text, scope) {
	const renamed = text.replace(/(^|[\s,>+~(])([a-z][\w-]*)/g, (all, before, tag) => (
		tag === 'page' || elementTags.includes(tag) ? `${before}wx-${tag}` : all));

	return scope ? renamed.replace(/\.([\w-]+)/g, `.${scope}--$1`) : renamed;
}
