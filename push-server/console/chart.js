/* A live curve: uPlot where it was built in, else a few lines on a canvas.  chart(element, colours, format) gives
 * { draw(times, [values, …]) }; times in seconds. */
function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function chartByUPlot(element, colours, format) {
	let plot = null;
	const axis = (extra) => ({
		stroke: () => colour('--quiet'), font: '10px system-ui, sans-serif', ticks: { show: false },
		grid: { stroke: () => colour('--grid'), width: 1 }, ...extra,
	});
	const options = () => ({
		width: element.clientWidth, height: element.clientHeight, legend: { show: false }, cursor: { show: false },
		padding: [6, 16, 0, 0],
		scales: { x: { time: true, range: (u, low, high) => [Math.min(low, high - 60), high] }, y: { range: (u, low, high) => [0, Math.max(high * 1.15, 1)] } },
		axes: [
			axis({ size: 18, gap: 2, space: 80, values: (u, at) => at.map((s) => clock(s)) }),
			axis({ size: 40, gap: 3, space: 26, values: (u, at) => at.map((v) => format(v)) }),
		],
		series: [{}].concat(colours.map((c) => ({
			stroke: () => colour(c), width: 1.6, points: { show: false },
			fill: colours.length === 1 ? () => colour(c) + '1f' : undefined,
		}))),
	});
	new ResizeObserver(() => {
		if (plot)
			plot.setSize({ width: element.clientWidth, height: element.clientHeight });
	}).observe(element);
	return {
		draw(times, values) {
			if (plot)
				plot.setData([times, ...values]);
			else if (element.clientWidth > 0)
				plot = new uPlot(options(), [times, ...values], element);
		},
		repaint() {
			if (plot)
				plot.redraw(false, true);
		},
	};
}

function clock(seconds) {
	const d = new Date(seconds * 1000);
	return d.getHours() + ':' + String(d.getMinutes()).padStart(2, '0') + ':' + String(d.getSeconds()).padStart(2, '0');
}

function chartByCanvas(element, colours, format) {
	const canvas = document.createElement('canvas');
	let last = null;

	element.append(canvas);
	function paint() {
		const width = element.clientWidth, height = element.clientHeight, ratio = devicePixelRatio || 1;
		const left = 40, bottom = 4, pen = canvas.getContext('2d');
		if (!last || width === 0)
			return;
		const [times, values] = last;
		const top = Math.max(1, ...values.flat().filter((v) => v !== null)) * 1.15;
		const x = (s) => left + (s - times[0]) / Math.max(1, times[times.length - 1] - times[0]) * (width - left - 8);
		const y = (v) => height - bottom - v / top * (height - bottom - 8);
		canvas.width = width * ratio;
		canvas.height = height * ratio;
		canvas.style.width = width + 'px';
		canvas.style.height = height + 'px';
		pen.setTransform(ratio, 0, 0, ratio, 0, 0);
		pen.font = '10px system-ui, sans-serif';
		pen.textAlign = 'right';
		pen.textBaseline = 'middle';
		for (const v of [0, top / 2, top]) {
			pen.fillStyle = colour('--quiet');
			pen.fillText(format(v), left - 6, y(v));
			pen.fillStyle = colour('--grid');
			pen.fillRect(left, y(v), width - left - 8, 1);
		}
		colours.forEach((c, i) => {
			pen.strokeStyle = colour(c);
			pen.lineWidth = 1.6;
			pen.beginPath();
			let isDown = false;
			values[i].forEach((v, j) => {
				if (v === null) {
					isDown = false;
				} else {
					pen[isDown ? 'lineTo' : 'moveTo'](x(times[j]), y(v));
					isDown = true;
				}
			});
			pen.stroke();
		});
	}
	new ResizeObserver(paint).observe(element);
	return { draw(times, values) { last = [times, values]; paint(); }, repaint: paint };
}

const chart = typeof uPlot === 'function' ? chartByUPlot : chartByCanvas;
