// Elements made and changed in one line each. Text is always text: nothing that comes from the box is read as markup.

/// An element with attributes and children. `on…` listens, true is an attribute without a value, false and null are none.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) set(made, key, value);
  made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

export function set(target, key, value) {
  if (key.startsWith('on')) target.addEventListener(key.slice(2), value);
  else if (value === false || value === null || value === undefined) target.removeAttribute(key);
  else {
    const text = value === true ? '' : String(value);
    if (target.getAttribute(key) !== text) target.setAttribute(key, text);
  }
}

/// Changes a text only when it is another one, so that what is read aloud is news.
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

const svg = 'http://www.w3.org/2000/svg';

export function icon(name) {
  const picture = document.createElementNS(svg, 'svg');
  picture.setAttribute('class', 'icon');
  picture.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#icon-${name}`);
  picture.append(use);
  return picture;
}

/// A button that runs `action` and takes no second press until that is over.
///
/// It stays focusable meanwhile: a keyboard must not lose its place.
export function button(attributes, action, ...children) {
  const made = element('button', { type: 'button', ...attributes }, ...children);
  made.addEventListener('click', () => once(made, action));
  return made;
}

/// Runs `action` unless it runs for this button already.
export async function once(target, action) {
  if (target.getAttribute('aria-disabled') === 'true') return;
  target.setAttribute('aria-disabled', 'true');
  try { await action(); } finally { target.removeAttribute('aria-disabled'); }
}

/// Makes the children of `parent` these, in this order, and moves only what stands elsewhere.
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] || null);
  });
}

/// A bar of several amounts side by side, said in words for who does not see it.
export function stackedBar(label, amounts) {
  const bar = element('div', { class: 'stack', role: 'img', 'aria-label': label });
  for (const { kind, value } of amounts) {
    if (!(value > 0)) continue;
    const part = element('span', { class: kind });
    part.style.flexGrow = String(value);
    bar.append(part);
  }
  return bar;
}

/// Names and values in pairs.
export function facts(pairs) {
  return element('dl', { class: 'facts' },
    pairs.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
}
