// Every cell in a table that sorts within tiers and modes, and what the charts leave out.

const COLUMNS = [
  { name: 'engine', value: (cell) => cell.backend, show: (cell) => engineName(cell), text: true },
  { name: 'mode', value: (cell) => cell.mode, show: (cell) => cell.mode, text: true },
  { name: 'workers', value: (cell) => cell.workers, show: (cell) => cell.workers },
  { name: ({ rate }) => rate, value: (cell) => cell.throughput && cell.throughput.messages_per_s, show: (cell) => format.number(cell.throughput && cell.throughput.messages_per_s) },
  { name: '95 %', value: (cell) => cell.throughput && cell.throughput.interval && cell.throughput.interval[0], show: (cell) => (cell.throughput && cell.throughput.interval ? format.range(cell.throughput.interval, format.number) : NONE) },
  { name: 'answered p50', value: (cell) => callerLatency(cell).p50, show: (cell) => format.time(callerLatency(cell).p50) },
  { name: 'p99', value: (cell) => callerLatency(cell).p99, show: (cell) => format.time(callerLatency(cell).p99) },
  { name: 'p99.9', value: (cell) => callerLatency(cell).p999, show: (cell) => format.time(callerLatency(cell).p999) },
  { name: 'stored p99', value: (cell) => durableLatency(cell).p99, show: (cell) => format.time(durableLatency(cell).p99) },
  { name: ({ one }) => `CPU a ${one}`, value: (cell) => cell.costs.cpu, show: (cell) => format.time(cell.costs.cpu) },
  { name: 'written ×', value: (cell) => cell.costs.written, show: (cell) => format.number(cell.costs.written) },
  { name: ({ one }) => `syncs a ${one}`, value: (cell) => cell.costs.syncs, show: (cell) => format.number(cell.costs.syncs) },
  { name: 'in a crash', value: (cell) => lossWord(cell)[0], show: (cell) => lossBadge(cell), text: true },
  { name: 'verified', value: (cell) => String(cell.verified), show: (cell) => ({ true: 'yes', false: 'NO' }[cell.verified] || NONE), text: true },
  { name: 'status', value: (cell) => cell.status, show: (cell) => cell.status + (cell.share > 0.05 ? ' †' : ''), text: true },
];
const PAGE = 100;

const list = { by: 3, isDescending: true, shown: PAGE };

function engineName(cell) {
  return h('button', {
    type: 'button', class: 'link', 'data-key': `cell ${cell.index}`, 'aria-pressed': String(state.compared.includes(cell.index)),
    'aria-label': `Compare ${label(cell)}`,
    on: { click: () => toggleCompared(cell.index), ...tip.of(() => [cell.id, ...(cell.options ? [cell.options] : [])]) },
  }, h('span', { class: 'dot', vars: { '--color': engineColor(cell.backend) } }), cell.name ? `${cell.name}: ${cell.backend}` : cell.backend);
}

// The loss column in a word or two.
function lossWord(cell) {
  if (!cell.loss) return ['not measured', 'unknown'];
  const worst = cell.loss.map(lossPhrase).map(([, kind]) => kind);
  const lost = Math.max(...cell.loss.map((loss) => loss.max_lost));
  if (worst.includes('bad')) return ['promise broken', 'bad'];
  if (worst.includes('warn')) return [`loses ${lost.toLocaleString('en-US')}`, 'warn'];
  return worst.includes('unknown') ? ['partly measured', 'unknown'] : ['nothing lost', 'good'];
}

function lossBadge(cell) {
  const [word, kind] = lossWord(cell);
  return h('span', { class: `badge ${kind}`, tabindex: '0', on: tip.of(() => ['In a crash', ...lossPhrases(cell).map(([text]) => text)]) }, word);
}

function drawCells() {
  const cells = visible();
  show('all', run.cells.length > 0);
  byId('count').textContent = `${cells.length.toLocaleString('en-US')} of ${plural(run.cells.length, 'cell')}`;
  const tiers = tiersPresent.filter((tier) => cells.some((cell) => cell.tier === tier));
  let left = list.shown;
  const bodies = tiers.map((tier) => {
    const rows = sorted(cells.filter((cell) => cell.tier === tier)).slice(0, left);
    left -= rows.length;
    return rows.length > 0 && h('tbody', {},
      h('tr', { class: 'tier-row' }, h('th', { colspan: COLUMNS.length, scope: 'rowgroup' }, tier, h('small', {}, ` ${TIER_WORDS[tier]}`))),
      rows.map(cellRow));
  });
  const more = cells.length > list.shown && h('button', {
    type: 'button', class: 'quiet', on: { click: () => { list.shown += PAGE * 5; drawCells(); } },
  }, `Show more (${(cells.length - list.shown).toLocaleString('en-US')} left)`);
  byId('table').replaceChildren(...[
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of cells' },
      h('table', { class: 'cells' }, h('thead', {}, h('tr', {}, COLUMNS.map((column, index) => heading(column, index, counted(cells))))), bodies)),
    more,
  ].filter(Boolean));
}

function heading(column, index, unit) {
  const order = list.by === index ? (list.isDescending ? 'descending' : 'ascending') : 'none';
  return h('th', { scope: 'col', 'aria-sort': order, class: column.text ? '' : 'number' }, h('button', {
    type: 'button',
    class: 'link',
    'data-key': `sort ${index}`,
    on: {
      click: () => {
        Object.assign(list, { isDescending: list.by === index ? !list.isDescending : !column.text, by: index });
        drawCells();
      },
    },
  }, typeof column.name === 'function' ? column.name(unit) : column.name, h('span', { 'aria-hidden': 'true' }, { none: '', ascending: ' ↑', descending: ' ↓' }[order])));
}

function cellRow(cell) {
  const slot = state.compared.indexOf(cell.index);
  return h('tr', { class: `${cell.status} ${slot >= 0 ? 'chosen' : ''}`, vars: slot >= 0 ? { '--color': slotColor(slot) } : {} },
    COLUMNS.map((column) => h('td', { class: column.text ? '' : 'number' }, column.show(cell))));
}

// Modes promise different things and stay apart. Unknown values go last, whichever way it is sorted.
function sorted(cells) {
  const { value } = COLUMNS[list.by];
  const sign = list.isDescending ? -1 : 1;
  const isUnknown = (cell) => { const v = value(cell); return v === null || v === undefined; };
  return [...cells].sort((one, other) => {
    if (one.mode !== other.mode) return MODES.indexOf(one.mode) - MODES.indexOf(other.mode);
    if (isUnknown(one) || isUnknown(other)) return isUnknown(one) - isUnknown(other);
    const [a, b] = [value(one), value(other)];
    return sign * (typeof a === 'string' ? a.localeCompare(b) : a - b);
  });
}

function drawNotes() {
  show('notes', run.notes.length > 0);
  byId('note-lists').replaceChildren(...run.notes.map(([title, items]) => h('details', { open: items.length <= 12 },
    h('summary', {}, `${title} (${items.length.toLocaleString('en-US')})`),
    h('ul', {}, items.map((item) => h('li', {}, item))))));
}

const READING = [
  'A durability tier says what an acknowledged message survives. Tiers promise different things, so nothing here ranks one against another.',
  'Mode local answers when the message is stored at that durability; aggressive answers before it is. Throughput counts stored messages only.',
  'Intervals hold the figure of a typical round with 95 % confidence (Student\'s t over rounds, on logarithms). Neighbours whose intervals overlap are not told apart.',
  `A quantile is shown where at least 10 samples lie beyond it: a p99 takes ${run.needed[2].toLocaleString('en-US')}, a p99.9 ${run.needed[3].toLocaleString('en-US')}.`,
  'The cheapest configuration is the one with the least CPU time of the process per stored message. A limit is met when the worse end of the interval meets it.',
  '† the harness itself costs more than 5 % of the p50, so the engine is faster than it looks.',
];
const CLOSED = 'Closed loop: each worker sends its next message when the one before is answered, so latencies are service times. '
  + 'Callers that arrive at a fixed rate would wait longer behind a stall than these numbers show.';

function drawConditions() {
  byId('condition-list').replaceChildren(...run.conditions.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
  const closed = run.cells.some((cell) => isMeasured(cell) && cell.rate === undefined);
  byId('reading').replaceChildren(...[...(closed ? [CLOSED] : []), ...READING].map((text) => h('li', {}, text)));
}
