// The bar that narrows everything below it.

function drawLoads() {
  show('load', run.loads.length > 1);
  const options = run.loads.map((words, index) => [String(index), words]);
  byId('load').replaceChildren(select('Load', options, String(state.load), (value) => setLoad(Number(value))));
}

function drawFilters() {
  const chip = (kind, set, value, mark) => h('button', {
    type: 'button',
    class: 'chip',
    'data-key': `${kind} ${value}`,
    'aria-pressed': String(set.has(value)),
    on: { click: () => setFilter({ [kind]: toggled(set, value) }) },
  }, mark, value);
  const group = (name, chips) => h('div', { class: 'group', role: 'group', 'aria-label': name }, chips);
  const dot = (engine) => h('span', { class: 'dot', vars: { '--color': engineColor(engine) } });
  const search = byId('search') || h('input', {
    id: 'search',
    'data-key': 'search',
    type: 'search',
    placeholder: 'Filter by name or id',
    'aria-label': 'Filter cells by words of their name, id or status',
    on: { input: (event) => setFilter({ search: event.target.value }) },
  });
  const several = (values, made) => (values.length > 1 ? made() : false);
  byId('filters').replaceChildren(...[
    several(engines, () => group('Engines', engines.map((engine) => chip('engines', state.engines, engine, dot(engine))))),
    several(modesPresent, () => group('Modes', modesPresent.map((mode) => chip('modes', state.modes, mode)))),
    several(tiersPresent, () => group('Durability', tiersPresent.map((tier) => chip('tiers', state.tiers, tier)))),
    search,
  ].filter(Boolean));
}
