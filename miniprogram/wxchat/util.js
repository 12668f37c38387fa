/* util.js - small things that the phone's JavaScript lacks. */

/* Calls a callback-style wx function and answers with a promise. */
function call(name, options) {
	return new Promise((resolve, reject) => {
		wx[name](Object.assign({}, options, { success: resolve, fail: reject }));
	});
}

/* Appends name=value pairs; undefined ones are left out.  Everything is percent-encoded:
 * iOS refuses a URL with a raw blank or Chinese in it. */
function addQuery(url, fields) {
	const pairs = Object.keys(fields)
		.filter((name) => fields[name] !== undefined && fields[name] !== '')
		.map((name) => name + '=' + encodeURIComponent(fields[name]));

	if (!pairs.length)
		return url;
	return url + (url.indexOf('?') < 0 ? '?' : '&') + pairs.join('&');
}

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';

let made = 0;

/* A word that no phone of this user makes twice within the ten minutes in which the server
 * compares them: the time, a count and 50 random bits.  It need not be hard to guess. */
function uniqueWord() {
	let word = Date.now().toString(36) + '-' + (++made).toString(36) + '-';

	for (let i = 0; i < 10; i++)
		word += LETTERS[Math.floor(Math.random() * LETTERS.length)];
	return word;
}

module.exports = { call, addQuery, uniqueWord };
