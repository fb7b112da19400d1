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
}

start();
leaveMarks({ cells: run.cells.length });
