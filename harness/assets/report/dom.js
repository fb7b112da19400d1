// Elements from names, attributes and children. Text is only ever set as text, so nothing in the data becomes markup.

const SVG = 'http://www.w3.org/2000/svg';

// What a click draws anew may be the very button that was pressed: its successor, of the same key, takes the focus.
function keepingFocus(listener) {
  return (event) => {
    const { key } = document.activeElement.dataset;
    listener(event);
    if (key === undefined || document.activeElement.dataset.key === key) return;
    tip.hide();
    const successor = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (successor) successor.focus({ preventScroll: true });
  };
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, keepingFocus(listener));
    } else if (name === 'vars') {
      // Through the object model: the page's policy forbids style attributes.
      for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

function show(id, isShown) {
  byId(id).hidden = !isShown;
}

// A row of buttons of which one is pressed.
function choice(label, options, current, choose) {
  const buttons = options.map(([value, text]) => h('button', {
    type: 'button',
    'data-key': `${label} ${value}`,
    'aria-pressed': String(value === current),
    on: { click: () => choose(value) },
  }, text));
  return h('div', { class: 'segmented', role: 'group', 'aria-label': label }, buttons);
}

function select(label, options, current, choose) {
  const items = options.map(([value, text]) => h('option', { value, selected: value === current }, text));
  return h('label', { class: 'select' }, h('span', {}, label),
    h('select', { 'data-key': label, on: { change: (event) => choose(event.target.value) } }, items));
}

// The one tooltip of the page, for the pointer and for the keyboard.
const tip = {
  show(target, lines) {
    const box = byId('tip');
    box.replaceChildren(...lines.map((line, index) => h(index ? 'span' : 'strong', {}, line)));
    box.hidden = false;
    const place = target.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left + place.width / 2 - width / 2), window.innerWidth - width - 8);
    const above = place.top - height - 8;
    box.style.left = `${left}px`;
    box.style.top = `${above > 4 ? above : place.bottom + 8}px`;
  },
  hide() {
    byId('tip').hidden = true;
  },
  // Listeners for anything that explains itself.
  of(lines) {
    return {
      pointerenter: (event) => tip.show(event.currentTarget, lines()),
      pointerleave: tip.hide,
      focus: (event) => tip.show(event.currentTarget, lines()),
      blur: tip.hide,
    };
  },
};
