// A history: the changes first, then a chart for each cell.

const past = JSON.parse(byId('data').textContent);
const { runs, metrics, series: allSeries } = past;
const engines = distinct(allSeries.map(({ backend }) => backend));
const slotColor = (slot) => `var(--engine-${slot % COLORS})`;
const engineColor = (backend) => slotColor(engines.indexOf(backend));

const SHOWS = { rate: format.rate, time: format.time, bytes: format.bytes };
const TICKS = { rate: compact, time: compactTime, bytes: format.bytes };

const view = { metric: 0, search: '', onlyChanged: false };

const change = (before, after) => {
  const percent = (after / before - 1) * 100;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
};
const day = (run) => run.started.slice(0, 10);
const kind = ({ worse }) => (worse ? 'worse' : 'better');

function drawFacts() {
  const span = runs.length ? `, ${day(runs[0])} to ${day(runs[runs.length - 1])}` : '';
  byId('facts').replaceChildren(`${past.plan} · machine ${past.fingerprint} · ${plural(runs.length, 'run')}${span}`);
}

// The newest first, and of one run the regressions first.
function drawChanges() {
  const all = allSeries.flatMap((series) => series.changes.map((found) => ({ series, found })));
  all.sort((one, other) => other.found.entry - one.found.entry || Number(other.found.worse) - Number(one.found.worse));
  byId('changes').replaceChildren(...all.map(({ series, found }) => changeCard(series, found)));
}

function changeCard(series, found) {
  const metric = metrics[series.metric];
  const [last, first] = found.commits;
  return h('article', { class: 'card', vars: { '--color': engineColor(series.backend) } },
    h('p', { class: 'eyebrow' }, metric.name),
    h('h3', {}, h('span', { class: 'dot', vars: { '--color': engineColor(series.backend) } }), series.label),
    h('p', { class: 'big' }, change(found.before, found.after),
      h('small', {}, ` ${SHOWS[metric.kind](found.before)} → ${SHOWS[metric.kind](found.after)}`)),
    h('p', {}, h('span', { class: `badge ${found.worse ? 'bad' : 'good'}` }, kind(found)),
      h('small', {}, ` after ${last}, by ${first} (${day(runs[found.entry])})`)),
    h('button', { type: 'button', class: 'quiet', on: { click: () => look(series) } }, 'Show'));
}

function look(series) {
  Object.assign(view, { metric: series.metric, search: '', onlyChanged: false });
  draw();
  const place = document.querySelector(`[data-series="${CSS.escape(series.cell)}"]`);
  if (place) place.scrollIntoView({ block: 'center' });
}

function drawFilters() {
  const set = (change) => { Object.assign(view, change); draw(); };
  const search = byId('search') || h('input', {
    id: 'search',
    type: 'search',
    placeholder: 'Find a cell',
    'aria-label': 'Find a cell',
    on: { input: (event) => set({ search: event.target.value }) },
  });
  search.value = view.search;
  const tools = [
    choice('Figure', metrics.map(({ name }, index) => [index, name]), view.metric, (metric) => set({ metric })),
    choice('Cells', [[false, 'all'], [true, 'changed']], view.onlyChanged, (onlyChanged) => set({ onlyChanged })),
  ];
  const filters = byId('filters');
  // The field stays where it is, so that it keeps the focus.
  if (search.parentElement !== filters) filters.append(search);
  [...filters.children].filter((child) => child !== search).forEach((child) => child.remove());
  search.before(...tools);
}

function shown() {
  const words = view.search.toLowerCase().split(/\s+/);
  const passes = (series) => series.metric === view.metric && (!view.onlyChanged || series.changes.length > 0)
    && words.every((word) => `${series.label} ${series.cell}`.toLowerCase().includes(word));
  const found = allSeries.filter(passes);
  return [...found.filter(({ changes }) => changes.length), ...found.filter(({ changes }) => !changes.length)];
}

function drawCharts() {
  const found = shown();
  const metric = metrics[view.metric];
  byId('figure').textContent = metric ? metric.words : 'Nothing was measured';
  byId('count').textContent = plural(found.length, 'cell');
  const boxes = found.map((series) => h('div', { class: 'panel', 'data-series': series.cell }));
  byId('charts').replaceChildren(...boxes);
  // A box has a width once it is in the page.
  boxes.forEach((box, index) => drawInto(box, (width) => seriesChart(width, found[index])));
}

// At least a tenth above and below the middle, so that an axis does not magnify noise.
function domain(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const middle = (low + high) / 2;
  const room = (high - low) * 0.12;
  return [Math.min(low - room, middle * 0.9), Math.max(high + room, middle * 1.1)];
}

// The stretches between changes, each with its level.
function levels({ points, changes }) {
  if (!changes.length) return [];
  const last = points[points.length - 1][0];
  const starts = [points[0][0], ...changes.map(({ entry }) => entry - 0.5)];
  const ends = [...changes.map(({ entry }) => entry - 0.5), last];
  const values = [changes[0].before, ...changes.map(({ after }) => after)];
  return values.map((y, index) => ({ from: starts[index], to: ends[index], y }));
}

function runTicks(width) {
  const most = Math.max(2, Math.floor(width / 150));
  const every = Math.max(1, Math.ceil((runs.length - 1) / most));
  return runs.map((run, index) => [index, run.name.slice(0, 7)]).filter(([index]) => index % every === 0);
}

function seriesChart(width, series) {
  const metric = metrics[series.metric];
  const slot = engines.indexOf(series.backend);
  const [, now] = series.points[series.points.length - 1];
  const reach = [-0.5, Math.max(runs.length - 0.5, 0.5)];
  return lines(width, 210, {
    class: 'series-chart',
    title: series.label,
    hint: `Now ${SHOWS[metric.kind](now)}`,
    x: { domain: reach, ticks: runTicks(width), label: '' },
    y: { domain: domain(series.points.map(([, value]) => value)), show: TICKS[metric.kind] },
    readout: (x) => `${runs[x].name}, ${day(runs[x])}`,
    marks: series.changes.map((found) => ({ x: found.entry - 0.5, text: change(found.before, found.after), kind: kind(found) })),
    levels: levels(series),
    series: [{ name: metric.name, slot, dash: '', dots: true, points: series.points }],
  });
}

function drawRuns() {
  const head = ['commit', 'started', 'version', 'kernel', 'cells'];
  const rows = [...runs].reverse().map((run) => h('tr', {},
    [run.name, run.started, run.version, run.kernel].map((text) => h('td', {}, text)), h('td', { class: 'number' }, format.count(run.cells))));
  byId('table').replaceChildren(h('div', { class: 'scroll' }, h('table', { class: 'cells' },
    h('thead', {}, h('tr', {}, head.map((name) => h('th', { scope: 'col', class: name === 'cells' ? 'number' : null }, name)))),
    h('tbody', {}, rows))));
}

function draw() {
  drawFilters();
  drawCharts();
}

setUpTheme();
drawFacts();
drawChanges();
draw();
drawRuns();
leaveMarks({ runs: runs.length, charts: document.querySelectorAll('.series-chart').length });
