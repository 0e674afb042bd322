// Makes elements: text is always text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'muted') element[name] = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

export function put(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

let hiding;
/** Says something in passing; screen readers read it out. */
export function say(text) {
  const status = document.getElementById('status');
  put(status, h('div', {}, text));
  clearTimeout(hiding);
  hiding = setTimeout(() => put(status), 6000);
}

/** A link only to what a browser loads, never to a script. */
export function safe(link) {
  try {
    const url = new URL(link, location.href);
    return ['http:', 'https:', 'blob:'].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

let count = 0;
/** A field with its label. */
export function field(label, input, hint) {
  const id = `f${++count}`;
  input.id = id;
  if (hint) input.setAttribute('aria-describedby', `${id}h`);
  return h('div', {}, h('label', { for: id }, label), input, hint && h('p', { class: 'soft small', id: `${id}h` }, hint));
}
