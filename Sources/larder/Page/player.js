// The player: a film by a link of its own, from where its viewer stopped the last time, also while it is still coming in.

import { ask } from '/page/box.js';
import { say } from '/page/elements.js';
import { complain } from '/page/notices.js';
import { reason } from '/page/reasons.js';
import { session } from '/page/session.js';
import { shelf } from '/page/shelf.js';
import { duration, percent, place } from '/page/words.js';

const dialog = document.getElementById('player');
const video = document.getElementById('video');
const title = document.getElementById('player-title');
const note = document.getElementById('player-note');
const restart = document.getElementById('player-restart');

let playing = null;
let retry = null;
/// How often in a row nothing came.
let failures = 0;
/// Where the film is to go on once its length is known, in seconds.
let wanted = 0;

// MARK: Where the viewer stopped

const key = id => `larder.place.${session.user}.${id}`;

/// Where the viewer stopped: `{ at, of }` in seconds; null at the beginning and after the end.
export function stopped(id) {
  try {
    const kept = JSON.parse(localStorage.getItem(key(id)));
    return kept && kept.at > 0 ? kept : null;
  } catch { return null; }
}

export function forget(id) { localStorage.removeItem(key(id)); }

/// Forgets the places of all of this user's films but these.
export function forgetAllBut(ids) {
  const kept = new Set(ids.map(key));
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(key('')) && !kept.has(name)) localStorage.removeItem(name);
  }
}

function keep() {
  if (!playing || !video.duration || video.readyState < 1) return;
  // The first seconds are not worth a question, the credits not worth a return.
  if (video.ended || video.currentTime > video.duration - Math.min(30, video.duration * 0.03)) forget(playing.id);
  else if (video.currentTime > Math.min(10, video.duration * 0.05)) {
    localStorage.setItem(key(playing.id), JSON.stringify({ at: video.currentTime, of: video.duration }));
  }
}

// MARK: Opening and closing

export async function play(download) {
  let link;
  try { link = await ask('POST', `/api/downloads/${download.id}/play-url`, { ttl_seconds: 43_200 }); } catch (error) {
    return complain(error, `${shelf.name(download.content_id)} cannot be played`);
  }
  playing = download;
  failures = 0;
  wanted = (stopped(download.id) || { at: 0 }).at;
  title.textContent = shelf.name(download.content_id);
  restart.hidden = wanted === 0;
  say(note, wanted ? `Goes on at ${place(wanted)}.` : '');
  dialog.showModal();
  video.focus();
  load(link.url);
}

function load(url) {
  video.src = url;
  // Where a browser asks for a press first, its own controls are there to take it.
  video.play().catch(() => {});
}

function close() {
  keep();
  clearTimeout(retry);
  playing = null;
  video.removeAttribute('src');
  video.load();
  shelf.tell('change');
}

document.getElementById('player-close').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', close);
restart.addEventListener('click', () => {
  video.currentTime = wanted = 0;
  restart.hidden = true;
  say(note, '');
  video.focus();
});

// MARK: What the film does

video.addEventListener('loadedmetadata', () => {
  if (wanted > 0 && wanted < video.duration) video.currentTime = wanted;
});
let kept = 0;
video.addEventListener('timeupdate', () => {
  if (Math.abs(video.currentTime - kept) < 2) return;
  kept = video.currentTime;
  keep();
});
for (const event of ['pause', 'seeked', 'ended']) video.addEventListener(event, keep);
addEventListener('pagehide', keep);
video.addEventListener('ended', () => say(note, 'The end.'));
video.addEventListener('playing', () => {
  clearTimeout(retry);
  failures = 0;
  if (!restart.hidden) setTimeout(forgetRestart, 8000);
  tellProgress();
});
video.addEventListener('waiting', tellProgress);

/// Who goes on for a while does not want to begin again.
function forgetRestart() {
  if (document.activeElement === restart) video.focus();
  restart.hidden = true;
  tellProgress();
}

/// The answer broke off, or never came: why, and once more from where it was.
video.addEventListener('error', async () => {
  if (!playing || !video.hasAttribute('src')) return;
  const { id } = playing;
  wanted = video.currentTime || wanted;
  let why = 'This browser cannot play the film, or its bytes do not come.';
  try {
    const state = await ask('GET', `/api/downloads/${id}`);
    if (state.deleted_at) why = 'The film was deleted meanwhile.';
    else if (state.status === 'paused') why = 'Its download is paused here. Resume it to see the rest.';
    else if (state.error) why = `${reason(state.error.code).title}. ${reason(state.error.code).advice}`;
    else if (state.status === 'completed' && failures > 1) return say(note, 'This browser cannot play films of this kind.');
  } catch (error) { why = `${reason(error.code).title}. It goes on when the box is back.`; }
  say(note, why);
  failures += 1;
  clearTimeout(retry);
  retry = setTimeout(() => again(id), 4000);
});

async function again(id) {
  if (!playing || playing.id !== id) return;
  try { load((await ask('POST', `/api/downloads/${id}/play-url`, { ttl_seconds: 43_200 })).url); } catch {
    retry = setTimeout(() => again(id), 4000);
  }
}

function tellProgress() {
  if (!playing) return;
  const now = shelf.downloads.get(playing.id);
  if (!now || now.status === 'completed') {
    // "Goes on at …" stands as long as it can be undone.
    if (restart.hidden && !video.ended && !video.error) say(note, '');
    return;
  }
  if (now.error) return say(note, `${reason(now.error.code).title}. What is here plays; ${percent(now.progress)} is.`);
  const rest = now.eta_seconds ? `, the rest within ${duration(now.eta_seconds)}` : '';
  say(note, `Still coming in: ${percent(Math.floor(now.progress))} is on the box${rest}.`);
}
shelf.addEventListener('progress', ({ detail }) => { if (playing && detail.id === playing.id) tellProgress(); });

// MARK: Keys

/// As remote controls and keyboards have them. They are taken on their way down, before the browser's own controls, which
/// would seek too, and by another step in each browser.
dialog.addEventListener('keydown', event => {
  const step = seconds => {
    video.currentTime = Math.min(Math.max(0, video.currentTime + seconds), (video.duration || 1) - 0.1);
  };
  const toggle = () => (video.paused ? video.play().catch(() => {}) : video.pause());
  const onVideo = event.target === video || event.target === dialog;
  switch (event.key) {
    case 'ArrowLeft': if (!onVideo) return; step(-10); break;
    case 'ArrowRight': if (!onVideo) return; step(10); break;
    case 'ArrowUp': if (!onVideo) return; document.getElementById('player-close').focus(); break;
    case 'ArrowDown': if (onVideo) return; video.focus(); break;
    case ' ': case 'Enter': if (!onVideo) return; toggle(); break;
    case 'MediaPlayPause': toggle(); break;
    case 'MediaPlay': video.play().catch(() => {}); break;
    case 'MediaPause': video.pause(); break;
    case 'MediaStop': case 'GoBack': case 'BrowserBack': dialog.close(); break;
    default: return;
  }
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });
