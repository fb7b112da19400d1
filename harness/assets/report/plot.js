// Line and scatter charts in SVG: scales, axes, marks, and a readout for pointer and keyboard.

const MARGIN = { top: 14, right: 16, bottom: 40, left: 58 };

// A dash for each slot, so that colour is not all that tells lines apart. A page says which colour a slot has: slotColor.
const DASHES = ['', '7 4', '2 3', '10 3 2 3', '4 2', '1 4'];

function linear([from, to], [start, end]) {
  const span = to - from || 1;
  const scale = (value) => start + ((value - from) / span) * (end - start);
  const step = niceStep(span / 5);
  const ticks = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to + step * 1e-6; tick += step) ticks.push(tick);
  return Object.assign(scale, { ticks, isLog: false });
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return [1, 2, 5, 10].find((step) => step * power >= rough) * power;
}

function logarithmic([from, to], [start, end]) {
  const low = Math.log10(from);
  const high = Math.log10(to) > low ? Math.log10(to) : low + 1;
  const scale = (value) => start + ((Math.log10(Math.max(value, 1e-9)) - low) / (high - low)) * (end - start);
  const decades = high - low;
  const steps = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    steps.forEach((step) => ticks.push(step * 10 ** power));
  }
  return Object.assign(scale, { ticks: ticks.filter((t) => t >= from * 0.999 && t <= to * 1.001), isLog: true });
}

// Room around the values, so that no mark sits on an axis.
function extent(values, isLog) {
  const finite = values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
  if (!finite.length) return isLog ? [1, 10] : [0, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (isLog) return [low / 1.25, high * 1.25];
  return [0, high * 1.06 || 1];
}

// What a chart is drawn with: its SVG, the inner rectangle and the two scales.
function frame(width, height, { x, y, title, describe }) {
  const inner = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const scaleX = (x.log ? logarithmic : linear)(x.domain, [inner.left, inner.right]);
  const scaleY = (y.log ? logarithmic : linear)(y.domain, [inner.bottom, inner.top]);
  const room = Math.max(2, Math.floor((inner.right - inner.left) / 64));
  const svg = s('svg', {
    class: 'plot', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': `${title}. ${describe || ''}`,
  });
  const xTicks = x.ticks || thinned(scaleX.ticks, room).map((tick) => [tick, x.show(tick)]);
  const yTicks = thinned(scaleY.ticks, 7).map((tick) => [tick, y.show(tick)]);
  svg.append(s('g', { class: 'grid' },
    yTicks.map(([tick]) => s('line', { x1: inner.left, x2: inner.right, y1: scaleY(tick), y2: scaleY(tick) })),
    xTicks.map(([tick]) => s('line', { x1: scaleX(tick), x2: scaleX(tick), y1: inner.top, y2: inner.bottom }))));
  svg.append(s('g', { class: 'ticks' },
    yTicks.map(([tick, text]) => s('text', { x: inner.left - 8, y: scaleY(tick) + 4, 'text-anchor': 'end' }, text)),
    xTicks.map(([tick, text]) => s('text', { x: scaleX(tick), y: inner.bottom + 16, 'text-anchor': 'middle' }, text)),
    s('text', { class: 'axis', x: inner.right, y: height - 6, 'text-anchor': 'end' }, x.label)));
  return { svg, inner, x: scaleX, y: scaleY, width, height };
}

function thinned(ticks, most) {
  const every = Math.ceil(ticks.length / most);
  return ticks.filter((_, index) => index % every === 0);
}

// A path through the points; a missing value breaks it.
function path(points, chart) {
  let pen = 'M';
  return points.reduce((d, [x, y]) => {
    if (y === null || y === undefined || !Number.isFinite(y)) {
      pen = 'M';
      return d;
    }
    const part = `${pen}${chart.x(x).toFixed(1)} ${chart.y(y).toFixed(1)}`;
    pen = 'L';
    return d + part;
  }, '');
}

// Lines with a readout. `series`: name, slot, points; `readout(x)`: what the crosshair's place is called.
function lines(width, height, options) {
  const chart = frame(width, height, options);
  const { svg, inner } = chart;
  (options.bands || []).forEach(({ from, to, slot }) => {
    const left = chart.x(from);
    svg.append(s('rect', {
      class: 'stall', x: left, y: inner.top, width: Math.max(2, chart.x(to) - left), height: inner.bottom - inner.top,
      fill: slotColor(slot),
    }, s('title', {}, `stalled for ${format.time((to - from) * 1e6)}`)));
  });
  (options.marks || []).forEach(({ x, text, kind = '' }) => svg.append(s('g', { class: `mark ${kind}` },
    s('line', { x1: chart.x(x), x2: chart.x(x), y1: inner.top, y2: inner.bottom }),
    s('text', { x: chart.x(x) + 4, y: inner.top + 9 }, text))));
  (options.levels || []).forEach(({ from, to, y }) => svg.append(
    s('line', { class: 'level', x1: chart.x(from), x2: chart.x(to), y1: chart.y(y), y2: chart.y(y) })));
  options.series.forEach(({ slot, points, dots, dash = DASHES[slot] }) => {
    svg.append(s('path', { class: 'line', d: path(points, chart), stroke: slotColor(slot), 'stroke-dasharray': dash }));
    if (dots || points.length < 3) {
      points.filter(([, y]) => Number.isFinite(y)).forEach(([x, y]) => svg.append(
        s('circle', { cx: chart.x(x), cy: chart.y(y), r: 3.2, fill: slotColor(slot) })));
    }
  });
  const readout = h('p', { class: 'readout', 'aria-live': 'polite' }, options.hint || ' ');
  crosshair(chart, options, readout);
  return h('figure', { class: `chart ${options.class}` }, h('figcaption', {}, options.title), svg, readout);
}

function crosshair(chart, { series, readout: name, y, hint, title }, readout) {
  const stops = distinct(series.flatMap(({ points }) => points.map(([x]) => x))).sort((a, b) => a - b);
  if (!stops.length) return;
  const { svg, inner } = chart;
  const line = s('line', { class: 'crosshair', y1: inner.top, y2: inner.bottom, visibility: 'hidden' });
  svg.append(line);
  let at = -1;
  const go = (index) => {
    at = Math.min(Math.max(index, 0), stops.length - 1);
    const x = chart.x(stops[at]);
    line.setAttribute('x1', x);
    line.setAttribute('x2', x);
    line.setAttribute('visibility', 'visible');
    const values = series.map(({ name: cell, slot, points }) => {
      const point = points.find(([place]) => place === stops[at]);
      return point && Number.isFinite(point[1]) && h('span', { class: 'value', vars: { '--color': slotColor(slot) } },
        `${cell} `, h('b', {}, y.show(point[1])));
    });
    readout.replaceChildren(h('b', {}, name(stops[at])), ...values.filter(Boolean));
  };
  const leave = () => {
    line.setAttribute('visibility', 'hidden');
    readout.replaceChildren(hint || ' ');
  };
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * chart.width;
    const distance = (stop) => Math.abs(chart.x(stop) - px);
    go(stops.reduce((best, stop, index) => (distance(stop) < distance(stops[best]) ? index : best), 0));
  });
  svg.addEventListener('pointerleave', leave);
  svg.addEventListener('blur', leave);
  svg.setAttribute('tabindex', '0');
  svg.setAttribute('aria-label', `${title}. Left and right arrow keys read the values.`);
  svg.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    go(at + step);
  });
}

// Draws into a container as wide as it is, and again when its width changes.
const drawn = new Map();

function drawInto(container, draw) {
  drawn.set(container, { draw, width: 0 });
  redraw(container);
}

function redraw(container) {
  const entry = drawn.get(container);
  const width = Math.max(280, Math.floor(container.clientWidth));
  if (!entry || entry.width === width) return;
  entry.width = width;
  container.replaceChildren(...[entry.draw(width)].flat().filter(Boolean));
}

function drawAgain(container) {
  drawn.get(container).width = 0;
  redraw(container);
}

let pending = 0;
window.addEventListener('resize', () => {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(() => {
    [...drawn.keys()].forEach((container) => {
      if (container.isConnected) redraw(container);
      else drawn.delete(container);
    });
  });
});
