// Arrow keys move the focus, as a TV's remote control does: to the nearest thing in that direction. Text fields and the
// player keep their own arrows.

const reachable = 'a[href], button:not([hidden]), input, select, textarea, summary, video, [tabindex="0"]';
const directions = {
  ArrowLeft: { axis: 'x', sign: -1 }, ArrowRight: { axis: 'x', sign: 1 },
  ArrowUp: { axis: 'y', sign: -1 }, ArrowDown: { axis: 'y', sign: 1 },
};

document.addEventListener('keydown', event => {
  const direction = directions[event.key];
  if (!direction || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const here = document.activeElement;
  // Along a line of text, and among what a field suggests, the arrows are the field's.
  if (isText(here) && (direction.axis === 'x' || here.list)) return;
  const next = nearest(here, direction);
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  // A card comes into sight whole.
  (next.closest('.card') || next).scrollIntoView({ block: 'nearest' });
});

function isText(target) { return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement; }

/// What may be reached now: in the open dialog, or in the page.
function candidates() {
  const scope = document.querySelector('dialog[open]') || document.body;
  return [...scope.querySelectorAll(reachable)].filter(target => {
    if (target.disabled || target.tabIndex < 0 || target.classList.contains('skip')) return false;
    const { width, height } = target.getBoundingClientRect();
    return width > 0 && height > 0 && target.checkVisibility?.() !== false;
  });
}

function nearest(here, { axis, sign }) {
  const all = candidates();
  if (!all.includes(here)) return all.find(isInView) || all[0];
  const from = here.getBoundingClientRect();
  let best = null, bestCost = Infinity;
  for (const target of all) {
    if (target === here || here.contains(target) || target.contains(here)) continue;
    const cost = distance(from, target.getBoundingClientRect(), axis, sign);
    if (cost < bestCost) [best, bestCost] = [target, cost];
  }
  return best;
}

/// How far a place lies in that direction; what lies beside the way counts three times. Infinite when it lies elsewhere.
function distance(from, to, axis, sign) {
  const sides = axis === 'x' ? ['left', 'right', 'top', 'bottom'] : ['top', 'bottom', 'left', 'right'];
  const [low, high, crossLow, crossHigh] = sides;
  const ahead = sign > 0 ? to[low] - from[high] : from[low] - to[high];
  // Neighbours may touch or overlap a little.
  if (ahead < -4) return Infinity;
  const beside = Math.max(0, to[crossLow] - from[crossHigh], from[crossLow] - to[crossHigh]);
  const off = Math.abs((to[crossLow] + to[crossHigh]) - (from[crossLow] + from[crossHigh])) / 2;
  return Math.max(0, ahead) + 3 * beside + off / 8;
}

function isInView(target) {
  const { top, bottom } = target.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight && !!target.closest('main, dialog');
}
