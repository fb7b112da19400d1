'use strict';

// Uses the page of a history as a reader would; what it finds wrong is an error, which the page marks.

const all = (selector) => [...document.querySelectorAll(selector)];
const must = (truth, what) => { if (!truth) throw new Error(what); };
const charts = () => all('.series-chart').length;

function press(selector, index) {
  const button = all(selector)[index];
  must(button, `no ${selector} ${index}`);
  const { key } = button.dataset;
  button.focus();
  button.click();
  must(key === undefined || document.activeElement.dataset.key === key, `${selector} ${index} lost the focus`);
}

function find(words) {
  const input = document.getElementById('search');
  input.focus();
  input.value = words;
  input.dispatchEvent(new Event('input'));
  must(document.activeElement === input, 'the search lost the focus');
}

must(charts() === 6, 'not every cell has a chart');
find('redb');
must(charts() === 2, 'a search finds other cells');
find('no such cell');
must(charts() === 0, 'a search for nothing finds something');
find('');
press('[data-key="Cells true"]', 0);
must(charts() === 2, 'not only what changed is left');
press('[data-key="Cells false"]', 0);
all('[data-key^="Figure"]').forEach((_, place) => {
  press('[data-key^="Figure"]', place);
  must(charts() === 6, `figure ${place} has no charts`);
});
all('.card .quiet').forEach((_, place) => {
  press('.card .quiet', place);
  must(all('.mark.worse, .mark.better').length > 0, `change ${place} is not shown`);
});
all('svg.plot[tabindex]').forEach((plot) => {
  plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
  must(plot.parentElement.querySelector('.readout b'), 'the arrow keys read nothing');
  plot.dispatchEvent(new PointerEvent('pointermove', { clientX: 300, clientY: 10 }));
  plot.dispatchEvent(new PointerEvent('pointerleave'));
});
['light', 'dark', 'auto'].forEach((theme) => {
  press('#theme', 0);
  must(document.documentElement.dataset.theme === theme, `no theme ${theme}`);
});
document.documentElement.dataset.pressed = 'everything';
