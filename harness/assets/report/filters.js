// The bar that narrows everything below it.

function drawFilters() {
  const chip = (kind, set, value, mark) => h('button', {
    type: 'button',
    class: 'chip',
    'aria-pressed': String(set.has(value)),
    on: { click: () => setFilter({ [kind]: toggled(set, value) }) },
  }, mark, value);
  const group = (name, chips) => h('div', { class: 'group', role: 'group', 'aria-label': name }, chips);
  const dot = (engine) => h('span', { class: 'dot', vars: { '--color': engineColor(engine) } });
  const load = run.loads.length > 1 && select('Load',
    run.loads.map((words, index) => [String(index), words || 'all']),
    String(state.load), (value) => setFilter({ load: Number(value) }));
  const search = byId('search') || h('input', {
    id: 'search',
    type: 'search',
    placeholder: 'Filter by name or id',
    'aria-label': 'Filter cells by words of their name, id or status',
    on: { input: (event) => setFilter({ search: event.target.value }) },
  });
  const focused = document.activeElement === search;
  const several = (values, made) => (values.length > 1 ? made() : false);
  byId('filters').replaceChildren(...[
    load,
    several(engines, () => group('Engines', engines.map((engine) => chip('engines', state.engines, engine, dot(engine))))),
    several(modesPresent, () => group('Modes', modesPresent.map((mode) => chip('modes', state.modes, mode)))),
    several(tiersPresent, () => group('Durability', tiersPresent.map((tier) => chip('tiers', state.tiers, tier)))),
    search,
  ].filter(Boolean));
  if (focused) search.focus();
}
