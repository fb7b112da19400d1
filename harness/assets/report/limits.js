// Beyond single cells: the highest rate within a latency limit, and how throughput grows with workers.

function drawLimits() {
  const place = byId('limit-charts');
  show('limits', run.saturation.length + run.scaling.length > 0);
  const panels = [
    ...run.saturation.map((search) => (width) => saturationChart(width, search)),
    ...scalingGroups().map((fits) => (width) => scalingChart(width, fits)),
  ].map((draw) => [h('div', { class: 'panel' }), draw]);
  place.replaceChildren(h('div', { class: 'panels' }, panels.map(([panel]) => panel)));
  panels.forEach(([panel, draw]) => drawInto(panel, draw));
}

function saturationChart(width, search) {
  const cell = run.cells[search.cell];
  const probes = [...search.probes].sort((one, other) => one.rate - other.rate);
  const rates = probes.map((probe) => probe.rate);
  const quantile = `p${Number((search.quantile * 100).toPrecision(6))}`;
  const chart = frame(width, 280, {
    title: `${label(cell)}: ${quantile} of response time by rate`,
    describe: sentence(search, quantile),
    x: { domain: [0, Math.max(...rates, 1) * 1.08], show: compact, label: `asked ${cell.counted.many} a second` },
    y: { log: true, domain: extent([...probes.map((probe) => probe.response_ns), search.limit_ns], true), show: compactTime },
  });
  const limit = chart.y(search.limit_ns);
  chart.svg.append(
    s('line', { class: 'limit', x1: chart.inner.left, x2: chart.inner.right, y1: limit, y2: limit }),
    s('text', { class: 'name', x: chart.inner.left + 6, y: limit - 5 }, `limit ${format.time(search.limit_ns)}`),
    s('path', { class: 'line', d: path(probes.map((probe) => [probe.rate, probe.response_ns]), chart), stroke: engineColor(cell.backend) }),
    ...probes.map((probe) => s('circle', {
      class: `probe ${probe.held ? 'held' : ''}`, cx: chart.x(probe.rate), cy: chart.y(probe.response_ns), r: 5,
      stroke: engineColor(cell.backend), fill: probe.held ? engineColor(cell.backend) : 'var(--card)', tabindex: '0',
      on: tip.of(() => [`${format.rate(probe.rate)} asked`, `${format.rate(probe.achieved)} acknowledged`,
        `${quantile} ${format.time(probe.response_ns)}`, probe.held ? 'held' : 'did not hold']),
    })));
  return h('figure', { class: 'chart saturation-chart' },
    h('figcaption', {}, label(cell)), chart.svg, h('p', { class: 'readout' }, sentence(search, quantile)));
}

function sentence({ rate, above, limit_ns: limit }, quantile) {
  const within = `with ${quantile} of the response time within ${format.time(limit)}`;
  if (rate === null) return `Not even the lowest rate held ${within}.`;
  return `Holds ${format.rate(rate)} ${within}${above === null ? '; every probe held, so the true limit is higher'
    : `; ${format.rate(above)} did not hold`}. Open loop. Hollow: did not hold.`;
}

// Fits share a chart where they differ in nothing but the engine.
function scalingGroups() {
  const groups = new Map();
  run.scaling.forEach((fit) => {
    const cell = run.cells[fit.cells[0]];
    const key = cell ? [cell.load, cell.mode, cell.tier].join() : '';
    if (cell && fit.points.length) groups.set(key, [...(groups.get(key) || []), { ...fit, cell }]);
  });
  return [...groups.values()];
}

const usl = ({ lambda, sigma, kappa }, workers) =>
  (lambda * workers) / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1));

function scalingChart(width, fits) {
  const [{ cell }] = fits;
  const workers = fits.flatMap((fit) => fit.points.map((point) => point.workers));
  const most = Math.max(...workers);
  const reach = most * 1.6;
  const steps = Array.from({ length: 60 }, (_, index) => Math.exp((Math.log(reach) * index) / 59));
  const rates = fits.flatMap((fit) => [...fit.points.map((point) => point.messages_per_s), ...steps.map((n) => usl(fit, n))]);
  const chart = frame(width, 300, {
    title: `Throughput by workers, ${cell.mode}, tier ${cell.tier}`,
    describe: fits.map((fit) => `${fit.cell.backend}: ${uslWords(fit)}`).join('; '),
    x: { log: true, domain: [0.9, reach], ticks: distinct(workers).map((n) => [n, String(n)]).slice(-12), label: 'workers' },
    y: { log: true, domain: extent(rates, true), show: compact },
  });
  chart.svg.append(s('rect', {
    class: 'beyond', x: chart.x(most), y: chart.inner.top,
    width: chart.inner.right - chart.x(most), height: chart.inner.bottom - chart.inner.top,
  }));
  fits.forEach((fit) => {
    const color = engineColor(fit.cell.backend);
    const curve = (from, to) => path(steps.filter((n) => n >= from && n <= to).map((n) => [n, usl(fit, n)]), chart);
    const own = fit.points.map((point) => point.workers);
    const last = Math.max(...own);
    chart.svg.append(
      s('path', { class: 'line', d: curve(Math.min(...own) * 0.999, last * 1.001), stroke: color }),
      s('path', { class: 'line guess', d: curve(last * 0.93, reach), stroke: color }),
      ...fit.points.map((point) => s('circle', {
        cx: chart.x(point.workers), cy: chart.y(point.messages_per_s), r: 4, fill: color,
      }, s('title', {}, `${fit.cell.backend}, ${plural(point.workers, 'worker')}: ${format.rate(point.messages_per_s)}`))));
  });
  return h('figure', { class: 'chart scaling-chart' },
    h('figcaption', {}, 'Scaling with workers', h('small', {}, ` ${cell.mode}, tier ${cell.tier}`)), chart.svg,
    h('ul', { class: 'fits' }, fits.map((fit) => h('li', {},
      h('i', { class: 'dot', vars: { '--color': engineColor(fit.cell.backend) } }), `${fit.cell.backend}: ${uslWords(fit)}`))),
    h('p', { class: 'readout' }, 'Points are measured, lines the Universal Scalability Law fitted to them. Dashed beyond what was measured: a guess.'));
}

function uslWords({ sigma, kappa, peak_workers: peak, error, points }) {
  const most = Math.max(...points.map((point) => point.workers));
  const words = [`serial share ${format.percent(sigma)}`, `coherency ${kappa === 0 ? 0 : kappa.toExponential(1)}`];
  if (peak === null) words.push('no peak');
  else words.push(`peak near ${format.number(Math.round(peak))} workers${peak > most ? ' (beyond what was measured)' : ''}`);
  return `${words.join(', ')}; fit off by ${format.percent(error)}`;
}
