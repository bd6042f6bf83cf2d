// What can be had: the platform's catalogue with its qualities, whether each is here or fits; without one, a form.

import { ask } from '/page/box.js';
import { monogram, tone } from '/page/card.js';
import { confirm } from '/page/confirm.js';
import { button, element, icon, once, say } from '/page/elements.js';
import { victims } from '/page/downloads.js';
import { complain, tell } from '/page/notices.js';
import { play } from '/page/player.js';
import { shelf } from '/page/shelf.js';
import { bytes, count, duration, percent } from '/page/words.js';

const root = document.getElementById('catalogue-content');
/// How many titles are drawn at first, and with each press for more.
const page = 48;

let titles = null;
let shown = page;
/// What is typed are names: nothing completes or corrects them.
const verbatim = { autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' };
const search = element('input', { id: 'search', type: 'search', placeholder: 'Title, series, words', ...verbatim });
const found = element('p', { class: 'hint', role: 'status' });
const grid = element('div', { class: 'grid' });
const more = button({ class: 'quiet', hidden: true }, () => {
  shown += page;
  draw();
}, 'Show more');
const rows = new Map();

export async function loadCatalogue() {
  let answer;
  try { answer = await ask('GET', '/api/catalog'); } catch (error) {
    if (titles !== null) return;
    if (error.status === 404) return drawForm();
    return root.replaceChildren(element('p', { class: 'hint' }, 'The catalogue cannot be read just now.'));
  }
  titles = answer.titles;
  for (const { content_id: id, title } of titles) if (typeof title === 'string' && title) shelf.names.set(id, title);
  shelf.tell('change');
  if (!grid.isConnected) {
    root.replaceChildren(
      element('div', { class: 'field search' }, element('label', { for: 'search' }, 'Search'), search), found, grid, more);
  }
  draw();
}

export function clearCatalogue() {
  titles = null;
  rows.clear();
  root.replaceChildren();
}

search.addEventListener('input', () => {
  shown = page;
  draw();
});

// MARK: Titles

function matching() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  return titles.filter(title => {
    const text = [title.title, title.content_id, title.series, title.description].filter(Boolean).join(' ').toLowerCase();
    return words.every(word => text.includes(word));
  });
}

function draw() {
  if (!titles) return;
  const all = matching();
  rows.clear();
  grid.replaceChildren(...all.slice(0, shown).map(card));
  more.hidden = all.length <= shown;
  say(found, titles.length === 0 ? 'The catalogue is empty, or has not been read yet.'
    : search.value ? `${count(all.length, 'title')} found` : count(titles.length, 'title'));
}

function card(title) {
  const id = title.content_id;
  const name = shelf.name(id);
  const about = [
    title.series ? `${title.series}${title.episode ? `, episode ${title.episode}` : ''}` : null,
    title.duration_seconds > 0 ? duration(title.duration_seconds) : null,
  ].filter(Boolean).join(' · ');
  return element('article', { class: 'card title', 'data-content': id },
    element('div', { class: `cover ${tone(id)}`, 'aria-hidden': 'true' },
      element('span', { class: 'figure' }, monogram(name))),
    element('div', { class: 'body' },
      element('h3', {}, name),
      about ? element('p', { class: 'facts-line' }, about) : null,
      typeof title.description === 'string' && element('p', { class: 'description' }, title.description),
      element('ul', { class: 'qualities' },
        Object.entries(title.qualities || {}).map(([quality, facts]) => row(id, quality, facts)))));
}

function row(contentID, quality, facts) {
  const words = element('span', { class: 'quality-words' });
  const place = element('span', { class: 'quality-action' });
  const made = element('li', {}, element('span', { class: 'quality' }, quality), words, place);
  const update = () => {
    const mine = shelf.of(contentID, quality);
    const state = mine ? `${mine.status} ${Math.floor(mine.progress)}` : 'none';
    if (made.dataset.state === state) return;
    const hadFocus = made.contains(document.activeElement);
    made.dataset.state = state;
    const name = shelf.name(contentID);
    if (!mine || mine.status === 'failed') {
      const hint = facts.held ? 'here at once' : facts.fits === false ? 'needs room' : '';
      lines(words, bytes(facts.size), hint);
      place.replaceChildren(button({ class: 'quiet', 'aria-label': `Get ${name} in ${quality}` },
        () => get(contentID, quality, facts), icon('resume'), 'Get'));
    } else if (mine.status === 'completed') {
      lines(words, bytes(mine.total_bytes), 'on the box');
      place.replaceChildren(button({ class: 'primary', 'aria-label': `Play ${name} in ${quality}` },
        () => play(shelf.of(contentID, quality)), icon('play'), 'Play'));
    } else {
      lines(words, percent(Math.floor(mine.progress)), mine.status === 'paused' ? 'paused' : 'coming in');
      place.replaceChildren(
        element('a', { class: 'button quiet', href: '#downloads', 'aria-label': `Show ${name} in my films` }, 'Show'));
    }
    if (hadFocus) place.firstChild.focus();
  };
  update();
  rows.set(made, update);
  return made;
}

function lines(target, ...texts) {
  target.replaceChildren(...texts.filter(Boolean).map(text => element('span', {}, text)));
}

// MARK: Getting one

/// Starts a title, when it needs room only after a word about who goes.
async function get(contentID, quality, facts = {}) {
  const name = shelf.name(contentID);
  if (facts.size && facts.fits === false && !facts.held) {
    let plan = {};
    try { plan = await ask('GET', `/api/downloads/storage?needed_bytes=${facts.size}`); } catch (error) {
      return complain(error, `${name} could not be asked for`);
    }
    if (plan.would_evict && plan.would_evict.length > 0) {
      const isSure = await confirm({
        heading: `Make room for ${name}?`, yes: 'Get it', no: 'Leave it', harmless: true,
        body: [element('p', {}, `It takes ${bytes(facts.size)}. To make room, these leave the box:`),
          element('p', { class: 'strong' }, victims(plan.would_evict))],
      });
      if (!isSure) return;
    }
  }
  await start(contentID, quality);
}

async function start(contentID, quality) {
  try {
    const download = await ask('POST', '/api/downloads/start', { content_id: contentID, quality });
    const name = shelf.name(contentID);
    tell(download.status === 'completed' ? `${name} is here and ready to play.` : `${name} is coming in.`);
    shelf.put(download);
    return true;
  } catch (error) {
    complain(error, `${shelf.name(contentID)} could not be had`);
    return false;
  }
}

// MARK: Without a catalogue

function drawForm() {
  const contentID = element('input', { id: 'content-id', required: true, maxlength: 128, ...verbatim });
  const quality = element('input', {
    id: 'quality', required: true, maxlength: 16, value: '720p', list: 'qualities', ...verbatim,
  });
  const submit = element('button', { type: 'submit', class: 'primary' }, icon('resume'), 'Get it');
  const form = element('form', { class: 'sheet form', novalidate: true, onsubmit: event => {
    event.preventDefault();
    const missing = [contentID, quality].find(field => !field.value.trim());
    if (missing) return missing.focus();
    once(submit, async () => {
      if (await start(contentID.value.trim(), quality.value.trim())) contentID.value = '';
    });
  } },
    element('p', { class: 'lead' }, 'This box has no catalogue. Your platform’s app shows the id of each film.'),
    element('div', { class: 'field' }, element('label', { for: 'content-id' }, 'Content id'), contentID),
    element('div', { class: 'field' }, element('label', { for: 'quality' }, 'Quality'), quality,
      element('datalist', { id: 'qualities' },
        ['360p', '480p', '720p', '1080p', '2160p'].map(value => element('option', { value })))),
    submit);
  root.replaceChildren(form);
}

// MARK: News

let known = '';
shelf.addEventListener('change', () => {
  for (const update of rows.values()) update();
  // What is held and what fits changes with the room.
  const storage = JSON.stringify(shelf.storage);
  if (titles && shelf.storage && known && storage !== known && !root.contains(document.activeElement)) loadCatalogue();
  known = storage;
});
shelf.addEventListener('progress', () => { for (const update of rows.values()) update(); });
