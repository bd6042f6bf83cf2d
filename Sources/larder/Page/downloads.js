// The user's films: how much room they take, what is coming in, what is here.

import { ask } from '/page/box.js';
import { Card, isMoving } from '/page/card.js';
import { confirm } from '/page/confirm.js';
import { arrange, button, element, say, stackedBar } from '/page/elements.js';
import { complain, tell } from '/page/notices.js';
import { forgetAllBut } from '/page/player.js';
import { reason } from '/page/reasons.js';
import { shelf } from '/page/shelf.js';
import { bytes, count } from '/page/words.js';

const root = document.getElementById('downloads-content');

/// A list of cards under a heading; without cards it is not there.
function shelfBoard(heading, id) {
  const grid = element('div', { class: 'grid' });
  const number = element('span', { class: 'number' });
  const board = element('section', { 'aria-labelledby': id, hidden: true },
    element('h2', { id }, `${heading} `, number), grid);
  return { board, grid, number };
}

const coming = shelfBoard('On the way', 'coming-heading');
const here = shelfBoard('On the box', 'here-heading');
const space = element('section', { class: 'space', 'aria-labelledby': 'space-heading', hidden: true });
const empty = element('div', { class: 'empty', hidden: true },
  element('p', { class: 'lead' }, 'Nothing here yet.'),
  element('p', {}, 'Films that you get are kept on this box, and play also without the internet.'),
  element('a', { class: 'button primary', href: '#catalogue' }, 'Get a film'));
const more = button({ class: 'quiet', hidden: true }, () => shelf.more(), 'Show older ones');
const loading = element('p', { class: 'hint', role: 'status' }, 'Asking the box…');
root.append(loading, space, empty, coming.board, here.board, more);

const cards = new Map();

function card(download) {
  const known = cards.get(download.id);
  if (!known) cards.set(download.id, new Card(download));
  else known.update(download);
  return cards.get(download.id).root;
}

function draw() {
  const list = shelf.list;
  for (const id of cards.keys()) if (!shelf.downloads.has(id)) cards.delete(id);
  const fill = ({ board, grid, number }, downloads) => {
    arrange(grid, downloads.map(card));
    // With older ones that are not read yet nobody can say how many there are.
    say(number, downloads.length ? `${downloads.length}${shelf.cursor ? '+' : ''}` : '');
    board.hidden = downloads.length === 0;
  };
  fill(coming, [...list.filter(isMoving), ...list.filter(download => download.status === 'failed')]);
  fill(here, list.filter(download => download.status === 'completed'));
  empty.hidden = !shelf.isLoaded || list.length > 0;
  more.hidden = !shelf.cursor;
  loading.hidden = shelf.isLoaded;
  drawSpace();
}

// MARK: Room

/// The storage that `next` was asked for, as text.
let askedFor = '';
/// Who would go first when room is needed.
let next = null;

function drawSpace() {
  const storage = shelf.storage;
  space.hidden = !storage;
  if (!storage) return;
  askWhoGoes(storage);
  const { limit_bytes: limit, used_bytes: used, reserved_bytes: reserved, available_bytes: free } = storage;
  const state = JSON.stringify([storage, next, shelf.downloads.size]);
  if (space.dataset.state === state) return;
  space.dataset.state = state;
  const taken = used + reserved;
  const amounts = [
    { kind: 'used', value: used, words: `${bytes(used)} films` },
    { kind: 'reserved', value: reserved, words: `${bytes(reserved)} kept for what is coming in` },
    { kind: 'free', value: free || 0, words: `${bytes(free || 0)} free` },
  ];
  const shown = amounts.filter(({ kind, value }) => value > 0 || kind === 'used' || (kind === 'free' && limit !== null));
  const heading = limit === null ? `${bytes(taken)} in use` : `${bytes(taken)} of ${bytes(limit)} in use`;
  const removeAll = button({ class: 'quiet danger-text', id: 'delete-all', hidden: shelf.downloads.size === 0 },
    deleteAll, 'Delete everything…');
  const hadFocus = document.activeElement && document.activeElement.id === 'delete-all';
  space.replaceChildren(
    element('div', { class: 'space-head' },
      element('h2', { id: 'space-heading' }, 'Your space'), element('p', { class: 'amount' }, heading)),
    stackedBar(`${heading}: ${shown.map(({ words }) => words).join(', ')}`, limit === null ? amounts.slice(0, 2) : amounts),
    element('div', { class: 'space-foot' },
      element('ul', { class: 'legend' }, shown.map(({ kind, words }) => element('li', { class: kind }, words))),
      removeAll),
    element('p', { class: 'hint', id: 'next-to-go', hidden: !next }, next || ''));
  if (hadFocus) removeAll.focus();
}

/// What a film that does not fit any more would cost, by the box's own rules.
async function askWhoGoes(storage) {
  const key = JSON.stringify([storage, shelf.list.map(({ id, pinned, last_played_at: played }) => [id, pinned, played])]);
  if (key === askedFor) return;
  askedFor = key;
  next = null;
  if (storage.limit_bytes === null || storage.used_bytes === 0) return;
  let answer;
  try { answer = await ask('GET', `/api/downloads/storage?needed_bytes=${storage.available_bytes + 1}`); } catch { return; }
  if (askedFor !== key || !answer.would_evict) return;
  const isNear = storage.available_bytes < storage.limit_bytes / 10;
  if (answer.fits) next = `When room is needed, the first to go: ${victims(answer.would_evict)}. Pinned films stay.`;
  else if (isNear) next = 'Your space is nearly full, and nothing goes by itself: pinned films and those just played stay.';
  drawSpace();
}

export function victims(list) {
  const words = ({ content_id: id, quality, bytes: size }) => `${shelf.name(id)} (${quality}, ${bytes(size)})`;
  return list.map(words).join(', ');
}

async function deleteAll() {
  const { used_bytes: used, reserved_bytes: reserved } = shelf.storage;
  const isSure = await confirm({
    heading: 'Delete everything?', yes: 'Delete everything', no: 'Keep it all',
    body: element('p', {},
      `All of your films, ${bytes(used + reserved)}, leave this box: pinned ones too, and what is coming in is cancelled.`),
  });
  if (!isSure) return;
  try {
    const { deleted, freed_bytes: freed } = await ask('POST', '/api/downloads/cleanup/all');
    tell(`${count(deleted, 'film')} deleted, ${bytes(freed)} freed.`);
    await shelf.refresh();
    forgetAllBut([]);
    document.getElementById('main').focus();
  } catch (error) { complain(error, 'Not everything could be deleted'); }
}

// MARK: Away

const originBanner = document.getElementById('banner-origin');

function drawOrigin() {
  const isAway = shelf.list.some(({ status, error }) =>
    status !== 'failed' && error && error.code === 'origin_unreachable');
  const words = 'The internet is away. What is here plays; what is missing comes by itself when it is back.';
  say(originBanner, isAway ? words : '');
}

// MARK: News

shelf.addEventListener('change', () => {
  // Where a film stopped that is gone, evicted too, is of no use any more.
  if (shelf.isLoaded && !shelf.cursor) forgetAllBut([...shelf.downloads.keys()]);
  draw();
  drawOrigin();
});
shelf.addEventListener('progress', ({ detail }) => {
  const known = cards.get(detail.id);
  if (known) known.update(detail);
  drawOrigin();
});
shelf.addEventListener('turn', ({ detail: { download, before } }) => {
  const name = shelf.name(download.content_id);
  if (download.status === 'completed') tell(`${name} is here and ready to play.`);
  const why = download.error ? `: ${reason(download.error.code).title}` : '';
  if (download.status === 'failed' && before !== 'failed') tell(`${name} failed${why}.`);
});

// The times in words, and the seconds to the next try, pass without news.
setInterval(() => {
  if (document.visibilityState !== 'visible') return;
  for (const download of shelf.list) cards.get(download.id)?.update(download);
}, 5000);
