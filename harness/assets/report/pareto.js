// Throughput against tail latency, one panel for each tier. Modes promise different things, so each has a front.

const pareto = { latency: 'answered' };

function drawPareto() {
  const place = byId('pareto');
  const latency = pareto.latency === 'stored' ? durableLatency : callerLatency;
  const points = visible().filter((cell) => isSound(cell) && latency(cell).p99);
  show('tradeoff', run.cells.some(isSound));
  byId('pareto-tools').replaceChildren(choice('Latency until', [['answered', 'answered'], ['stored', 'stored']],
    pareto.latency, (value) => { pareto.latency = value; drawPareto(); }));
  const tiers = tiersPresent.filter((tier) => points.some((cell) => cell.tier === tier));
  const panels = tiers.map((tier) => {
    const panel = h('div', { class: 'panel' });
    return [panel, () => drawInto(panel, (width) => paretoPanel(width, tier, points.filter((cell) => cell.tier === tier), latency))];
  });
  place.replaceChildren(...panels.map(([panel]) => panel));
  panels.forEach(([, draw]) => draw());
  if (!tiers.length) place.replaceChildren(h('p', { class: 'empty' }, 'No cell with a known p99 passes the filters.'));
}

function paretoPanel(width, tier, cells, latency) {
  const at = (cell) => [latency(cell).p99, cell.throughput.messages_per_s];
  const chart = frame(width, 340, {
    title: `Tier ${tier}: throughput against p99`,
    describe: fronts(cells, at).map(({ mode, front }) => `${mode}: ${front.map(label).join(', ')}`).join('; '),
    x: { log: true, domain: extent(cells.map((cell) => at(cell)[0]), true), show: compactTime, label: `p99 until ${pareto.latency}` },
    y: { log: true, domain: extent(cells.map((cell) => at(cell)[1]), true), show: compact },
  });
  fronts(cells, at).forEach(({ mode, front }) => {
    const corners = front.flatMap((cell, index) => {
      const [x, y] = at(cell);
      return index ? [[x, at(front[index - 1])[1]], [x, y]] : [[x, y]];
    });
    chart.svg.append(s('path', { class: `front ${mode}`, d: path(corners, chart) }));
  });
  const whiskers = cells.length <= 150;
  cells.forEach((cell) => chart.svg.append(paretoMark(cell, chart, at(cell), whiskers)));
  named(fronts(cells, at).flatMap(({ front }) => front), chart, at);
  return h('figure', { class: 'chart pareto-chart' },
    h('figcaption', {}, tier, h('small', {}, ` ${TIER_WORDS[tier]}`)), chart.svg, paretoLegend(cells));
}

// What no other cell of its mode beats in both, by latency.
function fronts(cells, at) {
  return MODES.map((mode) => {
    const sorted = cells.filter((cell) => cell.mode === mode)
      .sort((one, other) => at(one)[0] - at(other)[0] || at(other)[1] - at(one)[1]);
    let best = -Infinity;
    const front = sorted.filter((cell) => {
      const isBetter = at(cell)[1] > best;
      if (isBetter) [, best] = at(cell);
      return isBetter;
    });
    return { mode, front };
  }).filter(({ front }) => front.length);
}

function paretoMark(cell, chart, [p99, rate], whiskers) {
  const [x, y] = [chart.x(p99), chart.y(rate)];
  const color = engineColor(cell.backend);
  const { interval } = cell.throughput;
  const clamp = (value) => Math.min(chart.inner.bottom, Math.max(chart.inner.top, value));
  const slot = state.compared.indexOf(cell.index);
  return s('g', {
    class: `point ${slot >= 0 ? 'chosen' : ''}`, on: { click: () => toggleCompared(cell.index), ...tip.of(() => summary(cell)) },
  },
  whiskers && interval && s('line', {
    class: 'whisker', x1: x, x2: x, y1: clamp(chart.y(interval[0])), y2: clamp(chart.y(interval[1])), stroke: color,
  }),
  cell.mode === 'local'
    ? s('circle', { cx: x, cy: y, r: 5, fill: color })
    : s('path', { d: `M${x} ${y - 6.5}l6.5 6.5l-6.5 6.5l-6.5 -6.5z`, fill: color }));
}

// Names beside the marks of the fronts, where they do not run into each other.
function named(cells, chart, at) {
  const taken = [];
  cells.forEach((cell) => {
    const text = `${cell.backend} ×${cell.workers}`;
    const [x, y] = [chart.x(at(cell)[0]), chart.y(at(cell)[1])];
    const width = text.length * 6.6;
    const isLeft = x + width + 10 > chart.inner.right;
    const box = { left: isLeft ? x - width - 10 : x + 10, top: y - 14, width, height: 15 };
    const clashes = taken.some((other) => box.left < other.left + other.width && other.left < box.left + box.width
      && box.top < other.top + other.height && other.top < box.top + box.height);
    if (clashes || box.left < chart.inner.left) return;
    taken.push(box);
    chart.svg.append(s('text', { class: 'name', x: isLeft ? x - 10 : x + 10, y: y - 3, 'text-anchor': isLeft ? 'end' : 'start' }, text));
  });
}

function paretoLegend(cells) {
  const shown = engines.filter((engine) => cells.some((cell) => cell.backend === engine));
  const modes = MODES.filter((mode) => cells.some((cell) => cell.mode === mode));
  return h('p', { class: 'legend' },
    shown.map((engine) => h('span', {}, h('i', { class: 'dot', vars: { '--color': engineColor(engine) } }), engine)),
    modes.map((mode) => h('span', {}, mode === 'local' ? '● local, solid front' : `◆ ${mode}, dashed front`)));
}
