// Draws the page, and again what changes.

function drawFiltered() {
  drawFilters();
  drawHeatmap();
  drawPareto();
  drawCells();
}

function drawLoaded() {
  drawLoads();
  drawLead();
  drawCards();
  drawDecisions();
  drawFiltered();
  drawCompare();
}

function drawCompared() {
  drawHeatmap();
  drawPareto();
  drawCompare();
  drawCells();
}

const THEMES = ['auto', 'light', 'dark'];

function setUpTheme() {
  const button = byId('theme');
  const root = document.documentElement;
  const set = (theme) => {
    root.dataset.theme = theme;
    button.textContent = theme[0].toUpperCase() + theme.slice(1);
    button.setAttribute('aria-label', `Colours: ${theme}. Press to change.`);
  };
  set('auto');
  button.addEventListener('click', () => set(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]));
}

function start() {
  setUpTheme();
  state.load = startLoad();
  state.compared = startCompared();
  drawFacts();
  drawLoaded();
  drawLimits();
  drawNotes();
  drawConditions();
  onLoad(drawLoaded);
  onFilter(() => { list.shown = PAGE; drawFiltered(); });
  onCompare(drawCompared);
  window.addEventListener('keydown', (event) => { if (event.key === 'Escape') tip.hide(); });
}

// What a test can see from outside: when everything was drawn, and whether the page is wider than the window.
function leaveMarks() {
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) root.dataset.overflow = `${root.scrollWidth - root.clientWidth}px`;
  root.dataset.cells = String(run.cells.length);
  root.dataset.ready = String(Math.round(performance.now()));
}

start();
leaveMarks();
