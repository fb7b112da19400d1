'use strict';

// An error leaves a mark on the document, so that a test sees it and a reader is told.
window.addEventListener('error', (event) => {
  const root = document.documentElement;
  root.dataset.errors = `${root.dataset.errors || ''}${event.message}; `;
  const lead = document.getElementById('warnings');
  if (lead) lead.textContent = `This page could not be drawn completely: ${event.message}. The text form of this report has the same figures.`;
});

// Numbers as people read them: three significant digits and a unit. The same rules as the tables in report.md.

const NONE = '–';

function threeDigits(value) {
  const size = Math.abs(value);
  if (size < 9.995) return value.toFixed(2);
  if (size < 99.95) return value.toFixed(1);
  return value.toFixed(0);
}

function scaled(value, units) {
  let chosen = units[0];
  for (const unit of units) {
    if (Math.abs(value) >= unit[1] * 0.9995) chosen = unit;
  }
  const [name, factor] = chosen;
  const isWhole = factor === 1 && Number.isInteger(value);
  return `${isWhole ? value : threeDigits(value / factor)} ${name}`;
}

const TIME_UNITS = [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9]];
const BYTE_UNITS = [['B', 1], ['KiB', 1024], ['MiB', 1024 ** 2], ['GiB', 1024 ** 3]];

const known = (show) => (value) => (value === null || value === undefined ? NONE : show(value));

const format = {
  time: known((ns) => scaled(ns, TIME_UNITS)),
  bytes: known((bytes) => scaled(bytes, BYTE_UNITS)),
  number: known((value) =>
    Math.abs(value) < 99.95 ? threeDigits(value) : Math.round(value).toLocaleString('en-US')),
  count: known((count) => count.toLocaleString('en-US')),
  percent: known((share) => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`),
  times: known((factor) => `${threeDigits(factor)} ×`),
  rate: known((value) => `${format.number(value)}/s`),
  byteRate: known((value) => `${scaled(value, BYTE_UNITS)}/s`),
  range: ([low, high], show) => `${show(low)}–${show(high)}`,
  // Behind the figure it belongs to; nothing where it is not known.
  interval: (ends, show) => (ends ? ` (${format.range(ends, show)})` : ''),
};

// 1,234 -> 1.2k: for cells of the heat map and ticks, where room is short.
function compact(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  if (size >= 999500) return `${trim(value / 1e6)}M`;
  if (size >= 999.5) return `${trim(value / 1e3)}k`;
  return trim(value);
}

function compactTime(ns) {
  return format.time(ns).replace(/(\.\d*?)0+ /, '$1 ').replace(/\. /, ' ').replace(' ', ' ');
}

function trim(value) {
  const digits = Math.abs(value) < 9.95 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0$/, '');
}

// Colours of engines in the style.
const COLORS = 8;
const distinct = (values) => [...new Set(values)];
const plural = (count, noun) => `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
