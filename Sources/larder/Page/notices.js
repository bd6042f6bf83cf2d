// Short messages at the edge of the page. What went well goes by itself; what went wrong stays until it is read.

import { button, element, icon } from '/page/elements.js';
import { reason } from '/page/reasons.js';
import { sentence } from '/page/words.js';

const place = document.getElementById('notices');

/// Says something for a moment.
export function tell(text) {
  const notice = element('div', { class: 'notice' }, element('p', {}, text));
  place.append(notice);
  setTimeout(() => notice.remove(), 5000);
}

/// Says what went wrong, in the table's words and in the box's own.
export function complain(error, what) {
  const { title, advice } = reason(error.code || 'internal');
  const detail = error.status ? sentence(error.message) : advice;
  const notice = element('div', { class: 'notice bad', role: 'alert' },
    element('div', {},
      element('p', { class: 'strong' }, what ? `${what}: ${title.charAt(0).toLowerCase()}${title.slice(1)}` : title),
      element('p', {}, detail)),
    button({ class: 'plain icon-only', 'aria-label': 'Dismiss', title: 'Dismiss' }, () => notice.remove(), icon('close')));
  // The same once is enough.
  for (const other of [...place.children]) if (other.textContent === notice.textContent) other.remove();
  while (place.children.length > 3) place.firstChild.remove();
  place.append(notice);
}

export function dismissAll() { place.replaceChildren(); }
