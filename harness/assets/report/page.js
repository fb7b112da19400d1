// What every page has: its colours, and marks for tests.

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
  window.addEventListener('keydown', (event) => { if (event.key === 'Escape') tip.hide(); });
}

// What a test can see from outside: when everything was drawn, and whether the page is wider than the window.
function leaveMarks(counts) {
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) root.dataset.overflow = `${root.scrollWidth - root.clientWidth}px`;
  Object.entries(counts).forEach(([name, count]) => { root.dataset[name] = String(count); });
  root.dataset.ready = String(Math.round(performance.now()));
}
