// The box, for administrators: how it is, what it does for whom, and what happened. Asked for while it is looked at.

import { ask } from '/page/box.js';
import { arrange, button, element, facts, stackedBar } from '/page/elements.js';
import { complain } from '/page/notices.js';
import { eventWords, reason } from '/page/reasons.js';
import { ago, bytes, duration, exactly, percent, rate } from '/page/words.js';

const root = document.getElementById('box-content');
/// In ms.
const pace = 2000;
const entries = 25;

let timer = null;
let users = [];
let events = [];
let before = null;

const panels = {
  health: element('section', { class: 'panel', 'aria-labelledby': 'health-heading' }),
  origin: element('section', { class: 'panel', 'aria-labelledby': 'origin-heading' }),
  disk: element('section', { class: 'panel', 'aria-labelledby': 'disk-heading' }),
  fills: element('section', { class: 'panel wide', 'aria-labelledby': 'fills-heading' }),
  viewers: element('section', { class: 'panel wide', 'aria-labelledby': 'viewers-heading' }),
  users: element('section', { class: 'panel wide', 'aria-labelledby': 'users-heading' }),
  audit: element('section', { class: 'panel wide', 'aria-labelledby': 'audit-heading' }),
};

/// Looks at the box until `hideBox`.
export function showBox() {
  if (timer) return;
  if (!panels.health.isConnected) root.replaceChildren(element('p', { class: 'hint' }, 'Asking the box…'));
  let round = 0;
  const look = async () => {
    if (document.visibilityState === 'visible') {
      await readStatus();
      // What changes seldom is asked for seldom.
      if (round % 5 === 0) await Promise.all([readUsers(), readEvents()]);
      round += 1;
    }
    if (timer) timer = setTimeout(look, pace);
  };
  timer = setTimeout(look, 0);
}

export function hideBox() {
  clearTimeout(timer);
  timer = null;
}

export function clearBox() {
  hideBox();
  [users, events, before] = [[], [], null];
  root.replaceChildren();
}

/// Puts what is new into a panel, unless it is the same.
function fill(panel, id, heading, ...content) {
  const fresh = element('div', {}, element('h2', { id: `${id}-heading` }, heading), ...content);
  if (panel.firstChild && panel.firstChild.isEqualNode(fresh) && !panel.querySelector('button')) return;
  if (panel.contains(document.activeElement)) return;
  panel.replaceChildren(fresh);
}

/// An older box, or a token that is no administrator's: said once, in place of everything.
function missing(error) {
  const words = error.status === 404
    ? 'This box runs a Larder that does not tell of itself here yet. Its console does: larder status.'
    : `${reason(error.code).title}. ${reason(error.code).advice}`;
  if (root.textContent !== words) root.replaceChildren(element('p', { class: 'hint' }, words));
}

// MARK: Status

async function readStatus() {
  let status;
  try { status = await ask('GET', '/api/admin/status'); } catch (error) {
    if (error.status) missing(error);
    return;
  }
  arrange(root, Object.values(panels));
  drawHealth(status);
  drawOrigin(status.origin);
  drawDisk(status.storage);
  drawFills(status.fills);
  drawViewers(status.viewers);
}

function drawHealth({ version, started_at: since, users: number, connections, downloads }) {
  const words = Object.entries(downloads).filter(([, value]) => value > 0).map(([name, value]) => `${value} ${name}`);
  fill(panels.health, 'health', 'Larder', facts([
    ['Version', version],
    ['Running', `for ${duration(Math.max(1, (Date.now() - new Date(since)) / 1000))}`],
    ['Downloads', words.join(', ') || 'none'],
    ['Users', number],
    ['Connections', connections],
  ]));
}

function drawOrigin({ endpoint, bucket, reachable, since, error }) {
  const state = { true: 'Reached', false: 'Away', null: 'Not asked yet' }[String(reachable)];
  const kind = { true: 'good', false: 'bad', null: 'idle' }[String(reachable)];
  fill(panels.origin, 'origin', 'Origin', facts([
    ['State', element('span', { class: `light ${kind}` }, state)],
    ...(since ? [['Since', exactly(since)]] : []),
    ['Bucket', bucket],
    ['Endpoint', endpoint],
    ...(error ? [['Trouble', `${reason(error.code).title}: ${error.message}`]] : []),
  ]));
}

function drawDisk(storage) {
  const {
    path, capacity_bytes: capacity, complete_bytes: complete, filling_bytes: filling, discarded_bytes: discarded,
    unowned_bytes: unowned, reserve_bytes: reserve, free_bytes: free,
  } = storage;
  const owned = Math.max(0, complete - (unowned || 0));
  const amounts = [
    { kind: 'used', value: owned, words: `${bytes(owned)} films of users` },
    { kind: 'unowned', value: unowned || 0, words: `${bytes(unowned || 0)} kept as a cache` },
    { kind: 'reserved', value: filling, words: `${bytes(filling)} coming in` },
    { kind: 'discarded', value: discarded, words: `${bytes(discarded)} about to go` },
    { kind: 'free', value: free || 0, words: `${bytes(free)} free` },
  ].filter(({ kind, value }) => value > 0 || kind === 'used' || kind === 'free');
  fill(panels.disk, 'disk', 'Disk',
    stackedBar(amounts.map(({ words }) => words).join(', '), amounts),
    element('ul', { class: 'legend' }, amounts.map(({ kind, words }) => element('li', { class: kind }, words))),
    facts([
      ['Capacity', capacity === null ? 'what the disk holds' : bytes(capacity)],
      ['Always left free', bytes(reserve)],
      ['Folder', path],
    ]));
}

/// A table that becomes a list of pairs where there is no room for it.
function table(caption, columns, rows, kind) {
  return element('table', { class: kind },
    element('caption', { class: 'unseen' }, caption),
    element('thead', {}, element('tr', {}, columns.map(name => element('th', { scope: 'col' }, name)))),
    element('tbody', {}, rows.map(cells => element('tr', {}, cells.map((cell, index) =>
      element('td', { 'data-label': columns[index] }, cell === null || cell === undefined ? '–' : cell))))));
}

function drawFills(fills) {
  fill(panels.fills, 'fills', 'Coming in', fills.length === 0
    ? element('p', { class: 'hint' }, 'Nothing is being fetched.')
    : table('Titles that are being fetched', ['Title', 'For', 'Progress', 'Rate', 'Left'], fills.map(one => [
      `${one.content_id} · ${one.quality}`,
      (one.users || []).join(', '),
      element('span', { class: 'with-bar' },
        element('progress', { max: 100, value: one.progress, 'aria-label': `${one.content_id}, progress` }),
        percent(one.progress)),
      one.error ? reason(one.error.code).title : one.bytes_per_second ? rate(one.bytes_per_second) : one.status,
      one.eta_seconds ? duration(one.eta_seconds) : null,
    ])));
}

function drawViewers(viewers) {
  fill(panels.viewers, 'viewers', 'Being watched', viewers.length === 0
    ? element('p', { class: 'hint' }, 'Nobody is watching.')
    : table('Who watches what', ['Title', 'User', 'Rate', 'Place', 'Since'], viewers.map(one => [
      `${one.content_id} · ${one.quality}`, one.user, rate(one.bytes_per_second || 0),
      one.total_bytes ? percent(Math.floor((one.position_bytes / one.total_bytes) * 100)) : null, ago(one.since),
    ])));
}

// MARK: Users

async function readUsers() {
  const all = [];
  try {
    let cursor = null;
    do {
      const answer = await ask('GET', `/api/admin/users${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`);
      all.push(...answer.users);
      cursor = answer.next_cursor;
    } while (cursor && all.length < 500);
  } catch { return panels.users.remove(); }
  users = all;
  fill(panels.users, 'users', `Users ${users.length ? users.length : ''}`.trim(), users.length === 0
    ? element('p', { class: 'hint' }, 'Nobody has asked for anything yet.')
    : table('Users and their quotas', ['User', 'Films', 'In use', 'Quota', 'Free'], users.map(one => [
      one.user, one.downloads,
      element('span', { class: 'with-bar' }, one.limit_bytes
        ? element('meter', {
          max: one.limit_bytes, value: one.used_bytes + one.reserved_bytes, 'aria-label': `${one.user}, in use`,
        }) : null,
      bytes(one.used_bytes + one.reserved_bytes)),
      `${one.limit_bytes === null ? 'no limit' : bytes(one.limit_bytes)}${one.limit_from ? ` (${one.limit_from})` : ''}`,
      one.available_bytes === null ? null : bytes(one.available_bytes),
    ])));
}

// MARK: Events

async function readEvents() {
  let answer;
  try { answer = await ask('GET', `/api/admin/audit?limit=${entries}`); } catch { return panels.audit.remove(); }
  const known = new Set(answer.events.map(({ number }) => number));
  // What was turned to stays below what is new.
  const isJoined = events.some(({ number }) => known.has(number));
  const older = isJoined ? events.filter(({ number }) => !known.has(number)) : [];
  if (older.length === 0) before = answer.next_before;
  events = [...answer.events, ...older];
  drawEvents();
}

async function readOlder() {
  try {
    const answer = await ask('GET', `/api/admin/audit?limit=${entries}&before=${before}`);
    events = [...events, ...answer.events];
    before = answer.next_before;
  } catch (error) { return complain(error, 'Older events cannot be read'); }
  const more = panels.audit.querySelector('button');
  if (more) more.blur();
  drawEvents();
  const fresh = panels.audit.querySelector('button');
  if (fresh) fresh.focus({ preventScroll: true });
}

function drawEvents() {
  fill(panels.audit, 'audit', 'What happened', events.length === 0
    ? element('p', { class: 'hint' }, 'Nothing yet.')
    : table('Events, newest first', ['When', 'What', 'User', 'Size', 'Why'], events.map(one => [
      element('time', { datetime: one.time }, exactly(one.time)), eventWords(one.event), one.user || null,
      one.bytes ? bytes(one.bytes) : null, [one.cause, one.by ? `by ${one.by}` : null].filter(Boolean).join(', ') || null,
    ]), 'events'),
  before ? button({ class: 'quiet' }, readOlder, 'Show older ones') : null);
}
