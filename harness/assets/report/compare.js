// The chosen cells side by side: distribution, time, stages, costs.

const comparison = { tag: 'caller', figure: 'p99' };

const FIGURES = {
  p99: { name: 'p99 latency', show: format.time, log: true },
  p50: { name: 'p50 latency', show: format.time, log: true },
  max: { name: 'longest latency', show: format.time, log: true },
  rate: { name: 'throughput', show: format.rate },
  unstored: { name: 'answered, not stored', show: format.number },
  rss: { name: 'memory (RSS), prepared messages included', show: format.bytes },
  cpus: { name: 'CPUs in use', show: format.number },
  written: { name: 'written', show: format.byteRate },
};

function drawCompare() {
  const cells = state.compared.map((index) => run.cells[index]);
  show('compare', run.cells.some(isMeasured));
  byId('chosen').replaceChildren(...cells.map((cell, slot) => h('li', { vars: { '--color': slotColor(slot) } },
    lineSample(slot), label(cell),
    h('button', { type: 'button', 'aria-label': `Take ${label(cell)} out`, on: { click: () => toggleCompared(cell.index) } }, '×'))));
  const measured = cells.map((cell, slot) => ({ cell, slot, name: label(cell) })).filter(({ cell }) => isMeasured(cell));
  const place = byId('comparison');
  if (!measured.length) {
    place.replaceChildren(h('p', { class: 'empty' }, 'Press measured cells in the heat map or the table to compare them.'));
    return;
  }
  const timed = measured.filter(({ cell }) => cell.stages);
  const wide = (...content) => h('div', { class: 'panel wide' }, content);
  const half = (...content) => h('div', { class: timed.length ? 'panel' : 'panel wide' }, content);
  const [percentileBox, timeBox] = [wide(), wide()];
  place.replaceChildren(h('div', { class: 'panels' }, percentileBox, timeBox,
    timed.length > 0 && half(stageBars(timed)), half(costBars(measured)), wide(figures(measured))));
  drawInto(percentileBox, (width) => percentiles(width, measured));
  drawInto(timeBox, (width) => overTime(width, measured));
}

function lineSample(slot) {
  return s('svg', { class: 'sample', width: 22, height: 8, 'aria-hidden': 'true' },
    s('line', { x1: 0, x2: 22, y1: 4, y2: 4, stroke: slotColor(slot), 'stroke-dasharray': DASHES[slot] }));
}

// The distance of a quantile from 1 in decades: 90 % is 1, 99.999 % is 5.
const decades = (quantile) => -Math.log10(1 - quantile);
const PERCENTILE_TICKS = [[0, 'all'], [decades(0.5), '50 %'], [1, '90 %'], [2, '99 %'], [3, '99.9 %'], [4, '99.99 %'], [5, '99.999 %']];
const SUMMARY_QUANTILES = [['p50', 0.5], ['p90', 0.9], ['p99', 0.99], ['p999', 0.999]];

function percentiles(width, chosen) {
  const tags = [['caller', 'until answered'], ['durable', 'until stored']]
    .concat(chosen.some(({ cell }) => cell.latency.service) ? [['service', 'service only']] : []);
  const tagOf = (cell) => (comparison.tag === 'caller' ? callerTag(cell) : comparison.tag);
  const series = chosen.filter(({ cell }) => cell.latency[tagOf(cell)]).map(({ cell, slot, name }) => {
    const curve = cell.curves && cell.curves[tagOf(cell)];
    const latency = cell.latency[tagOf(cell)];
    const points = curve
      ? curve.map((value, index) => [decades(run.quantiles[index]), value])
      : SUMMARY_QUANTILES.filter(([key]) => latency[key]).map(([key, quantile]) => [decades(quantile), latency[key]]);
    return { name, slot, points: points.map(([x, y]) => [Math.round(x * 1e4) / 1e4, y]), dots: !curve };
  });
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  const chart = lines(width, 330, {
    class: 'percentile-chart',
    title: `Latency by percentile, ${tags.find(([key]) => key === comparison.tag)[1]}`,
    hint: 'A curve ends where fewer than 10 samples lie beyond it.',
    x: { domain: [0, 5], ticks: width < 520 ? PERCENTILE_TICKS.filter((_, i) => i !== 1 && i !== 5) : PERCENTILE_TICKS, label: 'percentile' },
    y: { log: true, domain: extent(values, true), show: compactTime },
    readout: (x) => (x === 0 ? 'fastest' : `p${Number((100 * (1 - 10 ** -x)).toPrecision(6))}`),
    series,
  });
  const redrawn = () => drawAgain(chart.parentElement);
  chart.firstChild.append(choice('Latency', tags, comparison.tag, (tag) => { comparison.tag = tag; redrawn(); }));
  return chart;
}

// Rounds follow each other on one axis. Without samples, each round is a point.
function overTime(width, chosen) {
  const sampled = chosen.filter(({ cell }) => cell.series);
  if (!sampled.length) return overRounds(width, chosen);
  const has = (key) => sampled.some(({ cell }) => cell.series.some((round) => round[key].some((value) => value !== null)));
  const options = Object.entries(FIGURES).filter(([key]) => has(key));
  if (!options.length) return overRounds(width, chosen);
  if (!has(comparison.figure)) [[comparison.figure]] = options;
  const figure = FIGURES[comparison.figure];
  const rounds = distinct(sampled.flatMap(({ cell }) => cell.series.map((round) => round.round))).sort((a, b) => a - b);
  const lengths = sampled.flatMap(({ cell }) => cell.series.map((round) => round.at_ms[round.at_ms.length - 1] || 0));
  const length = Math.max(...lengths, 1);
  const start = (round) => rounds.indexOf(round) * length * 1.04;
  const series = sampled.map(({ cell, slot, name }) => ({
    name,
    slot,
    points: cell.series.flatMap((round) => [
      ...round.at_ms.map((at, index) => [start(round.round) + at, round[comparison.figure][index]]),
      [start(round.round) + length * 1.02, null],
    ]),
  }));
  const bands = sampled.flatMap(({ cell, slot }) => cell.series.flatMap((round) =>
    round.stalls.map(([from, long]) => ({ slot, from: start(round.round) + from, to: start(round.round) + from + long }))));
  const every = Math.max(...sampled.flatMap(({ cell }) => cell.series.map((round) => round.every)));
  const within = (x) => x - start(rounds.reduce((last, round) => (start(round) <= x ? round : last), rounds[0]));
  const chart = lines(width, 300, {
    class: 'time-chart',
    title: 'Over time',
    hint: `${bands.length ? 'Bands: stalls. ' : ''}${every > 1 ? `Each point is the worst of ${every} intervals.` : ''}`,
    x: { domain: [0, rounds.length * length * 1.04], ticks: [], label: 'time, round after round' },
    y: {
      log: figure.log,
      domain: extent(series.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y !== null), figure.log),
      show: figure.log ? compactTime : figure.show,
    },
    readout: (x) => `${(within(x) / 1000).toFixed(1)} s`,
    marks: rounds.map((round) => ({ x: start(round), text: `round ${round + 1}` })),
    bands,
    series,
  });
  const redrawn = () => drawAgain(chart.parentElement);
  chart.firstChild.append(select('Figure', options.map(([key, { name }]) => [key, name]), comparison.figure,
    (key) => { comparison.figure = key; redrawn(); }));
  return chart;
}

function overRounds(width, chosen) {
  const series = chosen.map(({ cell, slot, name }) => ({
    name, slot, dots: true, points: cell.rounds.map((round) => [round.start_ms / 1000, round.rate]),
  }));
  const ends = series.flatMap(({ points }) => points.map(([x]) => x));
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  return lines(width, 300, {
    class: 'time-chart',
    title: `${counted(chosen.map(({ cell }) => cell)).rate}, round by round`,
    hint: 'Rounds are interleaved over the whole run: a drift of the machine shows in all cells alike.',
    x: { domain: [0, Math.max(...ends, 1) * 1.04], show: (x) => `${Math.round(x)} s`, label: 'start of the round' },
    y: { log: true, domain: extent(values, true), show: compact },
    readout: (x) => `at ${format.number(x)} s`,
    series,
  });
}

const STAGES = ['verify', 'queue', 'sign', 'commit_wait', 'apply', 'acknowledge'];

function stageBars(timed) {
  const others = distinct(timed.flatMap(({ cell }) => Object.keys(cell.stages))).filter((stage) => !STAGES.includes(stage));
  const stages = [...STAGES, ...others].filter((stage) => timed.some(({ cell }) => cell.stages[stage] > 0));
  const total = (cell) => Object.values(cell.stages).reduce((sum, time) => sum + time, 0);
  const rows = timed.map(({ cell, slot, name }) => h('div', { class: 'bar-row' },
    h('p', {}, lineSample(slot), name, h('b', {}, ` ${format.time(total(cell))}`)),
    h('div', { class: 'stack' }, stages.filter((stage) => cell.stages[stage] > 0).map((stage) => h('i', {
      class: `stage-${stages.indexOf(stage) % 8}`,
      vars: { '--part': `${(100 * cell.stages[stage]) / total(cell)}%` },
      tabindex: '0',
      role: 'img',
      'aria-label': `${stage}: ${format.time(cell.stages[stage])}`,
      on: tip.of(() => [stage.replace('_', ' '), `${format.time(cell.stages[stage])}, ${format.percent(cell.stages[stage] / total(cell))}`]),
    })))));
  return h('figure', { class: 'chart stage-bars' }, h('figcaption', {}, 'Where the time went, mean of a message'), rows,
    h('p', { class: 'legend' }, stages.map((stage, index) => h('span', {}, h('i', { class: `swatch stage-${index % 8}` }), stage.replace('_', ' ')))));
}

// Figures in a table: a row for each, a column for each cell, so that they can be read across.
function figures(chosen) {
  const interval = (value, ends, show) => `${show(value)}${format.interval(ends, show)}`;
  const rows = [
    [counted(chosen.map(({ cell }) => cell)).rate, (cell) => interval(cell.throughput.messages_per_s, cell.throughput.interval, format.number)],
    ['answered p50', (cell) => format.time(callerLatency(cell).p50)],
    ['answered p99', (cell) => interval(callerLatency(cell).p99, callerLatency(cell).p99 ? callerLatency(cell).p99_interval : undefined, format.time)],
    ['answered p99.9', (cell) => format.time(callerLatency(cell).p999)],
    ['longest', (cell) => format.time(callerLatency(cell).max)],
    ['stored p99', (cell) => format.time(durableLatency(cell).p99)],
    ['samples', (cell) => format.count(callerLatency(cell).count)],
    ['loop', (cell) => (cell.rate === undefined ? 'closed' : `open, ${format.rate(cell.rate)}`)],
    ['messages a batch', (cell) => format.number(cell.costs.batch)],
    ['most unstored', (cell) => (cell.costs.unstored ? format.count(cell.costs.unstored) : NONE)],
    ['work left over', (cell) => format.time(cell.costs.debt)],
    ['in a crash', (cell) => lossPhrases(cell).map(([text]) => text).join('; ')],
  ].map(([name, show]) => [name, chosen.map(({ cell }) => show(cell))])
    .filter(([, values]) => values.some((value) => value !== NONE));
  return h('figure', { class: 'chart' }, h('figcaption', {}, 'In figures'),
    h('div', { class: 'scroll' }, h('table', { class: 'figures' },
      h('thead', {}, h('tr', {}, h('td', {}), chosen.map(({ name, slot }) =>
        h('th', { scope: 'col' }, lineSample(slot), name)))),
      h('tbody', {}, rows.map(([name, values]) => h('tr', {}, h('th', { scope: 'row' }, name),
        values.map((value) => h('td', {}, value))))))));
}

const COSTS = [
  ['CPU time', 'cpu', format.time],
  ['written per byte', 'written', format.times],
  ['on disk per byte', 'space', format.times],
  ['syncs', 'syncs', (value) => threeDigits(value)],
  ['memory, prepared messages left out', 'memory', format.bytes],
  ['reopen', 'reopen', format.time],
];

function costBars(chosen) {
  const panels = COSTS.filter(([, key]) => chosen.some(({ cell }) => cell.costs[key] !== null)).map(([name, key, show]) => {
    const most = Math.max(...chosen.map(({ cell }) => cell.costs[key] || 0)) || 1;
    return h('div', { class: 'cost' }, h('h4', {}, name), chosen.map(({ cell, slot, name: whose }) => h('div', {
      class: 'cost-bar',
      role: 'img',
      'aria-label': `${whose}: ${cell.costs[key] === null ? 'not known' : show(cell.costs[key])}`,
      vars: { '--color': slotColor(slot), '--part': `${(100 * (cell.costs[key] || 0)) / most}%` },
    }, h('i', {}), h('b', {}, cell.costs[key] === null ? NONE : show(cell.costs[key])))));
  });
  return h('figure', { class: 'chart costs' }, h('figcaption', {}, `What a ${counted(chosen.map(({ cell }) => cell)).one} costs`), h('div', { class: 'cost-grid' }, panels));
}
