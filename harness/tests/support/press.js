'use strict';

// Uses the page as a reader would, with pointer and keyboard; what it finds wrong is an error, which the page marks.

const all = (selector) => [...document.querySelectorAll(selector)];
const must = (truth, what) => { if (!truth) throw new Error(what); };

// Presses the button that is there now: the one before may have been drawn anew.
function press(selector, index) {
  const button = all(selector)[index];
  must(button, `no ${selector} ${index}`);
  const { key } = button.dataset;
  button.focus();
  button.click();
  must(key === undefined || document.activeElement.dataset.key === key, `${selector} ${index} lost the focus`);
}

function search(words) {
  const input = document.getElementById('search');
  input.focus();
  input.value = words;
  input.dispatchEvent(new Event('input'));
  must(document.activeElement === input, 'the search lost the focus');
}

const rows = () => all('.cells tbody tr:not(.tier-row)').length;
const compared = () => all('#chosen li').length;

press('.verdict .quiet', 0);
must(compared() > 0 && compared() <= 2, 'a recommendation cannot be compared');
const before = compared();
press('.heat .cell:not([aria-pressed="true"])', 20);
must(compared() === before + 1, 'a pressed cell is not compared');
press('#chosen button', 0);
must(compared() === before, 'a cell cannot be taken out');

const everything = rows();
press('.chip', 0);
must(rows() < everything, 'a filter leaves everything');
press('.chip', 0);
must(rows() === everything, 'a filter cannot be taken back');
search('redb local');
must(rows() > 0 && rows() < everything, 'a search leaves everything, or nothing');
search('no such cell');
must(rows() === 0, 'a search for nothing finds something');
search('');

all('.cells thead th').forEach((_, column) => {
  press('.cells thead button', column);
  press('.cells thead button', column);
});
all('.decision').forEach((_, place) => {
  press('.decision', place);
  must(document.querySelector('.verdict h3').textContent, `question ${place} has no answer`);
});
all('select').forEach((_, place) => {
  const values = [...all('select')[place].options].map((option) => option.value);
  values.forEach((value) => {
    const select = all('select')[place];
    select.value = value;
    select.dispatchEvent(new Event('change'));
  });
});
all('.segmented button').forEach((_, place) => press('.segmented button', place));

all('svg.plot[tabindex]').forEach((plot) => {
  plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
  must(plot.parentElement.querySelector('.readout b'), 'the arrow keys read nothing');
  plot.dispatchEvent(new PointerEvent('pointermove', { clientX: 300, clientY: 10 }));
  plot.dispatchEvent(new PointerEvent('pointerleave'));
});
all('.cell, .point, .badge, .probe').forEach((explained) => explained.dispatchEvent(new PointerEvent('pointerenter')));
['light', 'dark', 'auto'].forEach((theme) => {
  press('#theme', 0);
  must(document.documentElement.dataset.theme === theme, `no theme ${theme}`);
});
document.documentElement.dataset.pressed = 'everything';
