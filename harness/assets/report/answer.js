// The answer first: the fastest of each tier and mode, and which one to deploy under given limits.

function drawFacts() {
  const when = new Date(run.started).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  byId('facts').replaceChildren(`${run.plan} · ${run.machine} · ${when} UTC`);
  const warnings = [];
  if (!run.complete) warnings.push('This run was interrupted: rounds are missing.');
  if (!run.optimised) warnings.push('This build was not optimised: its numbers mean nothing.');
  byId('warnings').replaceChildren(...warnings.map((text) => h('p', { class: 'warning', role: 'alert' }, text)));
}

// One sentence for people; the complete one, with every tier and load, stands there until this has run.
function drawLead() {
  const [answer] = answersHere();
  if (!answer) {
    if (run.answers.length) byId('lead').textContent = 'No cell of this load has a verified result, so nothing is fastest.';
    return;
  }
  const cell = run.cells[answer.cell];
  const verb = answer.tied.length ? 'leads with' : 'is fastest:';
  const tie = answer.tied.length ? `, within the noise of ${answer.tied.join(' and ')}` : '';
  byId('lead').replaceChildren(
    'At durability ', h('em', {}, answer.tier), ', ',
    h('span', { class: 'engine', vars: { '--color': engineColor(cell.backend) } }, cell.backend),
    ` ${verb} ${format.number(cell.throughput.messages_per_s)} ${cell.counted.many} a second, ${cell.mode} confirmation, `,
    `${plural(cell.workers, 'worker')}${run.loads[state.load] ? `, ${run.loads[state.load]}` : ''}${tie}.`);
}

function drawCards() {
  byId('cards').replaceChildren(...answersHere().map(card));
}

function card(answer) {
  const cell = run.cells[answer.cell];
  const latency = callerLatency(cell);
  const fact = (name, value, title) => h('div', { title }, h('dt', {}, name), h('dd', {}, value));
  return h('article', { class: 'card', vars: { '--color': engineColor(cell.backend) } },
    h('p', { class: 'eyebrow' }, `${answer.tier} · ${cell.mode}`),
    h('h3', {}, h('span', { class: 'dot', vars: { '--color': engineColor(cell.backend) } }), cell.backend,
      h('small', {}, ` ${plural(cell.workers, 'worker')}`)),
    h('p', { class: 'big' }, format.number(cell.throughput.messages_per_s), h('small', {}, ` ${cell.counted.rate}`),
      h('small', { class: 'muted' }, rateInterval(cell))),
    h('dl', {},
      fact('answered, p50', format.time(latency.p50)),
      fact('answered, p99', format.time(latency.p99)),
      cell.mode === 'aggressive' && fact('stored, p99', format.time(durableLatency(cell).p99)),
      fact(`CPU a ${cell.counted.one}`, format.time(cell.costs.cpu)),
      cell.mode !== 'aggressive' && fact('written', format.times(cell.costs.written))),
    answer.tied.length > 0 && h('p', { class: 'badge warn' }, `too close to call with ${answer.tied.join(', ')}`),
    badges(cell));
}

function badges(cell) {
  const list = lossPhrases(cell).map(([text, kind]) => h('p', { class: `badge ${kind}` }, text));
  if (cell.mode === 'aggressive' && !cell.loss) {
    list.unshift(h('p', { class: 'badge warn' }, 'answers before it stores'));
  }
  if (cell.share > 0.05) list.push(h('p', { class: 'badge warn' }, `the harness is ${format.percent(cell.share)} of the p50`));
  return list;
}

// The grid of recommendations: rates by latency limits, for one tier and the chosen load.
const asked = { tier: null, row: 0, column: null };

function drawDecisions() {
  const grids = run.decisions.filter((grid) => grid.loads.includes(state.load));
  show('decide', grids.length > 0);
  if (!grids.length) return;
  const data = grids.find((grid) => grid.tier === asked.tier) || grids[0];
  if (asked.column === null || asked.column >= data.rates.length) Object.assign(asked, firstQuestion(data));
  const chooser = choice('Durability', grids.map(({ tier }) => [tier, tier]), data.tier,
    (tier) => { asked.tier = tier; drawDecisions(); });
  byId('decisions').replaceChildren(
    h('div', { class: 'tools' }, chooser, h('span', { class: 'muted' }, TIER_WORDS[data.tier])),
    h('div', { class: 'decide' }, decisionGrid(data), verdict(data)));
}

// A rate in the middle, with the tightest limit that something meets.
function firstQuestion(data) {
  const column = Math.floor((data.rates.length - 1) / 2);
  const row = data.grid.findIndex((decisions) => decisions[column].outcome !== 'none_meets');
  return { column, row: Math.max(0, row) };
}

function decisionGrid(data) {
  const head = h('tr', {}, h('td', {}),
    data.rates.map((rate) => h('th', { scope: 'col' }, compact(rate), h('small', {}, ' msg/s'))));
  const rows = data.limits_ns.map((limit, row) => h('tr', {},
    h('th', { scope: 'row' }, h('small', {}, 'p99 ≤ '), compactTime(limit)),
    data.grid[row].map((decision, column) => h('td', {}, decisionButton(data, decision, row, column)))));
  return h('div', { class: 'scroll' }, h('table', { class: 'decision-grid' },
    h('caption', { class: 'hidden' }, 'The cheapest configuration by rate and latency limit'),
    h('thead', {}, head), h('tbody', {}, rows)));
}

function decisionButton(data, decision, row, column) {
  const isNone = decision.outcome === 'none_meets';
  const best = isNone ? null : run.cells[decision.best];
  const isTie = decision.outcome === 'too_close_to_call';
  const others = isTie ? distinct(decision.tied.map((index) => run.cells[index].backend)) : [];
  const text = isNone ? NONE : [best.backend, ...others.filter((name) => name !== best.backend)].join(' / ');
  return h('button', {
    type: 'button',
    'data-key': `decision ${row} ${column}`,
    class: `decision ${decision.outcome}`,
    'aria-pressed': String(asked.row === row && asked.column === column),
    'aria-label': `${format.number(data.rates[column])} messages a second, p99 up to ${format.time(data.limits_ns[row])}: `
      + (isNone ? 'none meets this' : `${text}${isTie ? ', too close to call' : ''}`),
    vars: best ? { '--color': engineColor(best.backend) } : {},
    on: { click: () => { Object.assign(asked, { row, column }); drawDecisions(); } },
  }, text, best && h('small', {}, `${best.mode === 'local' ? '' : `${best.mode} `}×${best.workers}`));
}

// The chosen question and its answer in sentences.
function verdict(data) {
  const decision = data.grid[asked.row][asked.column];
  const limits = `${format.number(data.rates[asked.column])} msg/s with a p99 up to ${format.time(data.limits_ns[asked.row])} at ${data.tier}`;
  const lines = [h('p', { class: 'eyebrow' }, limits)];
  if (decision.outcome === 'none_meets') {
    lines.push(h('h3', {}, 'No configuration meets this'));
    if (decision.nearest !== undefined) {
      lines.push(h('p', {}, `Nearest: ${label(run.cells[decision.nearest])}: ${decision.misses.join('; ')}.`));
    }
  } else {
    lines.push(...recommendation(decision));
  }
  const named = [decision.best ?? decision.nearest, decision.runner_up].filter((index) => index !== undefined);
  return h('div', { class: 'verdict', 'aria-live': 'polite' }, lines,
    h('p', { class: 'muted' }, `${decision.meeting} of ${plural(decision.considered, 'deployment')} ${decision.meeting === 1 ? 'meets' : 'meet'} this.`),
    named.length > 0 && h('button', { type: 'button', class: 'quiet', on: { click: () => compareOnly(named) } },
      named.length > 1 ? 'Compare them' : 'Look closer'));
}

function recommendation(decision) {
  const best = run.cells[decision.best];
  const cost = (cell) => `${format.time(cell.costs.cpu)}${format.interval(cell.costs.cpu_interval, format.time)}`;
  const isTie = decision.outcome === 'too_close_to_call';
  const title = [best, ...decision.tied.map((index) => run.cells[index])].map((cell) => cell.backend);
  const lines = [
    h('h3', {}, isTie ? `Too close to call: ${distinct(title).join(' or ')}` : best.backend),
    h('p', {}, `${label(best)} takes ${cost(best)} of CPU a message.`),
  ];
  if (decision.runner_up !== undefined) {
    const second = run.cells[decision.runner_up];
    const margin = decision.margin === undefined ? '' : `, ${(decision.margin * 100).toFixed(0)} % more`;
    lines.push(h('p', {}, `Runner-up: ${label(second)}, ${cost(second)}${margin}.`));
  } else {
    lines.push(h('p', {}, 'No other deployment of this run meets it.'));
  }
  lines.push(...badges(best));
  if (!decision.open) {
    lines.push(h('p', { class: 'muted' },
      'Its p99 is a closed loop\'s: it does not show how callers wait that arrive at a fixed rate.'));
  }
  return lines;
}

function compareOnly(indices) {
  state.compared = [];
  indices.forEach(toggleCompared);
  byId('compare').scrollIntoView();
}
