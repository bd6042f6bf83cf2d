// The page: signing in and out, which view is shown, and whether the box is there. What the views show is theirs.

import '/page/arrows.js';
import { clearBox, hideBox, showBox } from '/page/administration.js';
import { box } from '/page/box.js';
import { clearCatalogue, loadCatalogue } from '/page/catalogue.js';
import '/page/downloads.js';
import { say } from '/page/elements.js';
import { dismissAll } from '/page/notices.js';
import { reason } from '/page/reasons.js';
import { looksLikeToken, session, takeFromAddress } from '/page/session.js';
import { shelf } from '/page/shelf.js';
import { timeOfDay } from '/page/words.js';

const byID = id => document.getElementById(id);
const signInView = byID('sign-in');
const shell = byID('shell');

// MARK: In and out

function begin(token) {
  session.begin(token);
  if (session.isExpired) return end(expired());
  signInView.hidden = true;
  shell.hidden = false;
  byID('user').textContent = session.user;
  byID('user').title = `Signed in as ${session.user}`;
  for (const link of document.querySelectorAll('[data-view="box"]')) link.hidden = !session.isAdministrator;
  shelf.begin();
  loadCatalogue();
  show();
}

/// Back to the door, with the reason.
function end(why = '') {
  session.end();
  shelf.end();
  clearCatalogue();
  clearBox();
  dismissAll();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  setAway(false);
  shell.hidden = true;
  signInView.hidden = false;
  document.title = 'Larder';
  say(byID('sign-in-reason'), why);
  byID('sign-in-reason').hidden = !why;
  byID('token').value = '';
  byID('token').focus();
}

function expired() {
  const { title, advice } = reason('unauthorized');
  return `${title}: the time of your token is over. ${advice}`;
}

byID('sign-in-form').addEventListener('submit', event => {
  event.preventDefault();
  const text = byID('token').value.trim();
  // A whole link is as good as its token.
  const token = (/#token=([^&\s]+)/.exec(text) || [null, text.replace(/^Bearer\s+/i, '')])[1];
  if (!looksLikeToken(token)) {
    say(byID('sign-in-reason'), token
      ? 'That is not a token: it has three parts with dots between them, and was perhaps cut short.'
      : 'Paste your token first.');
    byID('sign-in-reason').hidden = false;
    return byID('token').focus();
  }
  begin(token);
});
byID('sign-out').addEventListener('click', () => end());

box.addEventListener('refused', ({ detail }) => {
  const { title, advice } = reason(detail.code);
  end(detail.status === 401 && session.isExpired ? expired() : `${title}. ${advice} (${detail.message})`);
});

// MARK: Views

const views = ['downloads', 'catalogue', 'box'];

function show() {
  const wanted = location.hash.slice(1);
  const view = views.includes(wanted) && (wanted !== 'box' || session.isAdministrator) ? wanted : 'downloads';
  for (const name of views) byID(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll('nav [data-view]')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${byID(`${view}-heading`).textContent} – Larder`;
  if (view === 'box') showBox();
  else hideBox();
  if (view === 'catalogue') loadCatalogue();
  scrollTo(0, 0);
}

addEventListener('hashchange', () => {
  const token = takeFromAddress();
  if (token) {
    end();
    begin(token);
  } else if (session.token) show();
});

// MARK: Away and back

/// What was known stays in sight, as what it is: old.
function setAway(isAway) {
  document.body.classList.toggle('away', isAway);
  const since = shelf.readAt ? ` What you see is from ${timeOfDay(shelf.readAt)}.` : '';
  say(byID('banner-box'), isAway ? `The box cannot be reached.${since} It is tried again by itself.` : '');
}

box.addEventListener('away', () => setAway(true));
box.addEventListener('back', () => setAway(false));
addEventListener('online', () => shelf.stream && shelf.refresh());

// MARK: Begin

const token = takeFromAddress() || session.token;
if (token) begin(token);
else end();
