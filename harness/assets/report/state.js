// The run, what of it is looked at, and who wants to know when that changes.

const run = JSON.parse(byId('data').textContent);
run.cells.forEach((cell, index) => { cell.index = index; });

const TIERS = ['power', 'process', 'memory'];
const TIER_WORDS = {
  power: 'survives a power cut',
  process: 'survives a kill of the process, not a power cut',
  memory: 'may die with the process',
};
const MODES = ['local', 'aggressive', 'remote'];
// Most cells that lines can be told apart for.
const MOST_COMPARED = 6;

const isMeasured = (cell) => (cell.status === 'ok' || cell.status === 'overloaded') && cell.throughput;
const isSound = (cell) => cell.status === 'ok' && cell.throughput && cell.verified !== false;

// What these cells count, if it is the same.
const OPERATIONS = { one: 'operation', many: 'operations', rate: 'ops/s' };
function counted(cells) {
  const [first] = cells;
  return first && cells.every((cell) => cell.counted.rate === first.counted.rate) ? first.counted : OPERATIONS;
}

const engines = distinct(run.cells.map((cell) => cell.backend));
const engineColor = (backend) => `var(--engine-${engines.indexOf(backend) % COLORS})`;
const tiersPresent = TIERS.filter((tier) => run.cells.some((cell) => cell.tier === tier));
const modesPresent = MODES.filter((mode) => run.cells.some((cell) => cell.mode === mode));

const state = {
  load: 0,
  engines: new Set(engines),
  modes: new Set(modesPresent),
  tiers: new Set(tiersPresent),
  search: '',
  compared: [],
};

const listeners = { load: [], filter: [], compare: [] };
const onLoad = (listener) => listeners.load.push(listener);
const onFilter = (listener) => listeners.filter.push(listener);
const onCompare = (listener) => listeners.compare.push(listener);

// The colour of its engine, which the rest of the page uses too; the second cell of an engine takes one that is free.
function slotColor(slot) {
  const wanted = state.compared.map((index) => engines.indexOf(run.cells[index].backend) % COLORS);
  const taken = new Set(wanted);
  const free = Array.from({ length: COLORS }, (_, color) => color).filter((color) => !taken.has(color));
  const colors = wanted.map((color, place) => (wanted.indexOf(color) === place ? color : free.shift()));
  return `var(--engine-${colors[slot]})`;
}

function setFilter(change) {
  Object.assign(state, change);
  listeners.filter.forEach((listener) => listener());
}

// Another load is another question: everything is about it from then on.
function setLoad(load) {
  state.load = load;
  state.compared = startCompared();
  listeners.load.forEach((listener) => listener());
}

function toggled(set, value) {
  const copy = new Set(set);
  if (!copy.delete(value)) copy.add(value);
  return copy;
}

function toggleCompared(index) {
  const others = state.compared.filter((other) => other !== index);
  const isNew = others.length === state.compared.length;
  // One too many pushes out the first.
  state.compared = isNew ? [...others, index].slice(-MOST_COMPARED) : others;
  listeners.compare.forEach((listener) => listener());
}

// What the filters leave, of the chosen load; and of every load, for lists.
function passes(cell) {
  const words = `${cell.id} ${cell.name || ''} ${cell.status}`.toLowerCase();
  return state.engines.has(cell.backend) && state.modes.has(cell.mode) && state.tiers.has(cell.tier)
    && state.search.toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

const visible = () => run.cells.filter((cell) => cell.load === state.load && passes(cell));

// The first load of the plan that has an answer, or the one that most cells have.
function startLoad() {
  if (run.answers.length) return Math.min(...run.answers.map((answer) => run.cells[answer.cell].load));
  const counts = run.loads.map((_, load) => run.cells.filter((cell) => cell.load === load).length);
  return Math.max(0, counts.indexOf(Math.max(...counts)));
}

const answersHere = () => run.answers.filter((answer) => run.cells[answer.cell].load === state.load);

// The fastest cell of each engine beside the first answer: same tier, mode and load.
function startCompared() {
  const first = run.cells.filter((cell) => cell.load === state.load && isSound(cell));
  const lead = answersHere().length ? run.cells[answersHere()[0].cell] : first[0];
  if (!lead) return [];
  const rivals = first.filter((cell) => cell.tier === lead.tier && cell.mode === lead.mode);
  const speed = (cell) => cell.throughput.messages_per_s;
  rivals.sort((one, other) => speed(other) - speed(one));
  const fastest = engines.map((engine) => rivals.find((cell) => cell.backend === engine)).filter(Boolean);
  fastest.sort((one, other) => speed(other) - speed(one));
  return fastest.slice(0, 4).map((cell) => cell.index);
}

// The latency a caller sees: from the intended start where there was a schedule.
const callerTag = (cell) => (cell.latency.response ? 'response' : 'acknowledged');
const callerLatency = (cell) => cell.latency[callerTag(cell)] || {};
const durableLatency = (cell) => cell.latency.durable || callerLatency(cell);

// Cells that only their tier tells apart.
const kin = (cell) => [cell.backend, cell.mode, cell.workers, cell.load].join();
const namesakes = Map.groupBy(run.cells, kin);

// `redb local ×25`, with whatever else tells it apart from its neighbours.
function label(cell) {
  const parts = [cell.backend, cell.mode, `×${cell.workers}`];
  const others = namesakes.get(kin(cell));
  if (distinct(others.map((other) => other.tier)).length > 1) parts.push(cell.tier);
  else if (others.length > 1) parts.push(`asked ${cell.asked}`);
  if (cell.load !== state.load && run.loads[cell.load]) parts.push(`(${run.loads[cell.load]})`);
  return cell.name ? `${cell.name}: ${parts.join(' ')}` : parts.join(' ');
}

const FAULTS = { kill: 'a kill', power: 'a power cut', io: 'an I/O error' };

// What a crash does to the cell's acknowledged messages, in a phrase, with how bad it is.
function lossPhrase(loss) {
  const fault = FAULTS[loss.fault];
  const broken = loss.broken ? `, ${loss.broken} broken` : '';
  switch (loss.verdict) {
    case 'survived': return [`nothing lost in ${fault} (${loss.trials} trials)`, 'good'];
    case 'lost': return [`up to ${plural(loss.max_lost, 'message')} lost in ${fault}${broken}`,
      loss.promise_broken ? 'bad' : 'warn'];
    case 'harness_broken': return [`${fault}: the crash lab's own check failed`, 'bad'];
    default: return [`loss in ${fault} not measured`, 'unknown'];
  }
}

// What matters for the tier a cell claims.
function lossPhrases(cell) {
  if (cell.loss) return cell.loss.map(lossPhrase);
  const fault = FAULTS[cell.tier === 'power' ? 'power' : 'kill'];
  return [[`loss in ${fault} not measured`, 'unknown']];
}
