// Figures beside their budgets: a table on stdout as they come, and all of them in a file of JSON.
import fs from 'node:fs';

export const median = (values) => {
	const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
	return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

const digits = (value) => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

// Columns that a terminal gives a text: two for each wide character.
function fit(text, width) {
	return text.length >= width ? text : text + ' '.repeat(width - text.length);
}

export class Report {
	constructor() {
		this.figures = [];
		this.over = 0;
	}

	part(title, more = '') {
		this.title = title;
		console.log(`\n${title}${more ? `\n  ${more}` : ''}`);
	}

	// most, least: the budget.  values: of the single runs, whose median is the figure.
	figure(name, values, unit, { most, least, note = '' } = {}) {
		const list = [values].flat(), value = median(list);
		const budget = most ?? least;
		const passes = budget === undefined ? undefined : most !== undefined ? value <= most : value >= least;
		const spread = list.length > 1 ? `(${digits(Math.min(...list))} to ${digits(Math.max(...list))})` : '';
		const beside = budget === undefined ? '' : `${most !== undefined ? 'at most' : 'at least'} ${digits(budget)}`;
		if (passes === false)
			this.over++;
		console.log(`  ${fit(name, 58)} ${digits(value).padStart(8)} ${fit(unit, 14)} ${fit(spread, 20)} ` +
			`${fit(beside, 16)} ${passes === undefined ? '' : passes ? 'pass' : 'OVER'}${note ? `  ${note}` : ''}`.trimEnd());
		this.figures.push({ part: this.title, name, value, unit, runs: list, most, least, passes });
		return value;
	}

	say(text) {
		console.log(`  ${text}`);
	}

	write(file, machine) {
		fs.writeFileSync(file, `${JSON.stringify({ machine, figures: this.figures }, null, '\t')}\n`);
	}
}
