// Engine and mode by workers, one table for each tier: a colour says how a cell compares within its tier, never beyond.

const METRICS = {
  throughput: { name: ({ rate }) => rate, value: (cell) => cell.throughput.messages_per_s, show: compact, more: true },
  p50: { name: () => 'p50', value: (cell) => callerLatency(cell).p50, show: compactTime },
  p99: { name: () => 'p99', value: (cell) => callerLatency(cell).p99, show: compactTime },
  durable: { name: () => 'stored p99', value: (cell) => durableLatency(cell).p99, show: compactTime },
  cpu: { name: ({ one }) => `CPU a ${one}`, value: (cell) => cell.costs.cpu, show: compactTime },
  written: { name: () => 'written ×', value: (cell) => cell.costs.written, show: compact },
  syncs: { name: ({ one }) => `syncs a ${one}`, value: (cell) => cell.costs.syncs, show: (v) => (v === null ? NONE : threeDigits(v)) },
};
const SHADES = 7;

const heat = { metric: 'throughput' };

function drawHeatmap() {
  const cells = visible();
  show('overview', run.cells.length > 0);
  const options = Object.entries(METRICS).map(([key, { name }]) => [key, name(counted(cells))]);
  byId('metric').replaceChildren(select('Show', options, heat.metric, (key) => { heat.metric = key; drawHeatmap(); }));
  const tiers = tiersPresent.filter((tier) => cells.some((cell) => cell.tier === tier));
  byId('heatmap').replaceChildren(...tiers.map((tier) => heatTable(tier, cells.filter((cell) => cell.tier === tier))),
    cells.length ? legend() : h('p', { class: 'empty' }, 'No cell passes the filters.'));
}

function heatTable(tier, cells) {
  const metric = METRICS[heat.metric];
  const workers = distinct(cells.map((cell) => cell.workers)).sort((one, other) => one - other);
  const rows = new Map();
  const askedDiffers = cells.some((cell) => cell.asked !== cell.tier);
  cells.forEach((cell) => {
    const key = [cell.backend, cell.mode, askedDiffers ? cell.asked : '', cell.name || ''].join('\n');
    if (!rows.has(key)) rows.set(key, []);
    rows.get(key).push(cell);
  });
  const values = cells.filter(isMeasured).map(metric.value).filter((value) => value > 0);
  const shade = shades(values, metric.more);
  const head = h('tr', {}, h('th', { scope: 'col' }, 'engine, mode'),
    workers.map((count) => h('th', { scope: 'col', class: 'number' }, count)));
  const body = [...rows.values()].map((row) => heatRow(row, workers, tier, metric, shade));
  return h('div', { class: 'tier' },
    h('h3', {}, tier, h('small', {}, ` ${TIER_WORDS[tier]}`)),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Heat map of tier ${tier}` },
      h('table', { class: 'heat' },
        h('caption', { class: 'hidden' }, `${metric.name(counted(cells))} at tier ${tier} by engine and mode, and by workers`),
        h('thead', {}, head), h('tbody', {}, body))));
}

function heatRow(row, workers, tier, metric, shade) {
  const [cell] = row;
  const extra = [cell.asked === tier ? '' : `asked ${cell.asked}`, cell.name || ''].filter(Boolean).join(', ');
  const title = h('th', { scope: 'row' },
    h('span', { class: 'dot', vars: { '--color': engineColor(cell.backend) } }),
    cell.backend, h('small', { title: cell.name }, ` ${cell.mode}${extra ? `, ${extra}` : ''}`));
  return h('tr', {}, title, workers.map((count) => {
    const here = row.filter((one) => one.workers === count);
    return h('td', {}, here.map((one) => heatButton(one, metric, shade)));
  }));
}

const PROBLEMS = { failed: ['✕', 'failed'], refused: ['∅', 'refused'], overloaded: ['!', 'overloaded'] };

function heatButton(cell, metric, shade) {
  const slot = state.compared.indexOf(cell.index);
  const value = isMeasured(cell) ? metric.value(cell) : null;
  const [glyph, word] = PROBLEMS[cell.status] || ['', ''];
  const lossKind = (cell.loss || []).map(lossPhrase).map(([, kind]) => kind);
  const marks = [
    cell.share > 0.05 && h('i', { class: 'flag', 'aria-hidden': 'true' }, '†'),
    lossKind.includes('bad') && h('i', { class: 'flag bad', 'aria-hidden': 'true' }, '▼'),
  ];
  const text = isMeasured(cell) ? metric.show(value) : glyph;
  return h('button', {
    type: 'button',
    'data-key': `heat ${cell.index}`,
    class: `cell ${cell.status} ${value > 0 ? `shade-${shade(value)}` : 'shade-none'}`,
    'aria-pressed': String(slot >= 0),
    'aria-label': `${label(cell)}: ${word || `${metric.name(cell.counted)} ${text}`}`,
    vars: slot >= 0 ? { '--color': slotColor(slot) } : {},
    on: { click: () => toggleCompared(cell.index), ...tip.of(() => summary(cell)) },
  }, cell.status === 'overloaded' ? `${text} ${glyph}` : text, marks);
}

// The interval of a rate, behind it.
function rateInterval(cell) {
  return cell.throughput.interval ? format.interval(cell.throughput.interval, format.number) : ', one round';
}

// A cell in some lines.
function summary(cell) {
  if (!isMeasured(cell)) return [label(cell), `${cell.status}: ${cell.reason || 'no reason given'}`];
  const latency = callerLatency(cell);
  return [
    label(cell),
    `${format.number(cell.throughput.messages_per_s)} ${cell.counted.rate}${rateInterval(cell)}`,
    `${callerTag(cell)} p50 ${format.time(latency.p50)}, p99 ${format.time(latency.p99)}`,
    `CPU ${format.time(cell.costs.cpu)} a ${cell.counted.one}, written ${format.times(cell.costs.written)}`,
    ...(cell.verified ? ['verified'] : []),
    ...(cell.share > 0.05 ? [`† the harness is ${format.percent(cell.share)} of the p50`] : []),
    ...lossPhrases(cell).map(([text]) => text),
    ...(cell.status === 'overloaded' ? [cell.reason || 'overloaded'] : []),
  ];
}

// The shade of a value: equal steps on a logarithmic scale, the best the darkest.
function shades(values, isMoreBetter) {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value) => {
    const place = high > low ? (Math.log(value) - low) / (high - low) : 1;
    return Math.min(SHADES - 1, Math.floor((isMoreBetter ? place : 1 - place) * SHADES));
  };
}

function legend() {
  const steps = Array.from({ length: SHADES }, (_, shade) => h('i', { class: `swatch shade-${shade}` }));
  return h('p', { class: 'legend' },
    h('span', {}, 'worse '), h('span', { 'aria-hidden': 'true' }, steps), h('span', {}, ' better, within a tier'),
    h('span', {}, '✕ failed'), h('span', {}, '∅ refused'), h('span', {}, '! overloaded'),
    h('span', {}, '† harness above 5 %'), h('span', {}, '▼ promise broken in a crash'));
}
