// One download as a card: its name, how far it is and why, and what may be done with it now. The card stays and is changed
// in place, so that the focus and a press in progress survive each event.

import { ask } from '/page/box.js';
import { confirm } from '/page/confirm.js';
import { arrange, button, element, icon, say, set } from '/page/elements.js';
import { complain, tell } from '/page/notices.js';
import { forget, play, stopped } from '/page/player.js';
import { reason } from '/page/reasons.js';
import { shelf } from '/page/shelf.js';
import { ago, bytes, duration, percent, place, rate } from '/page/words.js';

const moving = ['pending', 'downloading', 'paused'];

export function isMoving(download) { return moving.includes(download.status); }

/// How a film's cover is coloured: by its name, so that it looks the same everywhere.
export function tone(contentID) {
  let sum = 7;
  for (const letter of contentID) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return `tone-${sum % 6}`;
}

/// What stands for a film that has no picture: its first letter.
export function monogram(name) { return ([...name.trim()][0] || '?').toUpperCase(); }

export class Card {
  constructor(download) {
    this.heading = element('h3', {});
    this.facts = element('p', { class: 'facts-line' });
    this.state = element('p', { class: 'state' });
    this.figure = element('span', { class: 'figure', 'aria-hidden': 'true' });
    this.progress = element('progress', { max: 100 });
    this.cover = button({ class: `cover ${tone(download.content_id)}`, tabindex: -1, 'aria-hidden': 'true' },
      () => { if (this.isPlayable) return play(this.download); },
      this.figure, element('span', { class: 'badge' }, icon('play')));
    this.buttons = this.makeButtons();
    this.actions = element('div', { class: 'actions' });
    this.root = element('article', { class: 'card' }, this.cover, this.progress,
      element('div', { class: 'body' }, this.heading, this.facts, this.state, this.actions));
    this.update(download);
  }

  get name() { return shelf.name(this.download.content_id); }

  get isPlayable() {
    return this.download.status === 'completed' || (isMoving(this.download) && this.download.downloaded_bytes > 0);
  }

  makeButtons() {
    const path = suffix => `/api/downloads/${this.download.id}${suffix}`;
    const act = (method, suffix, what) => async () => {
      try { shelf.put(await ask(method, path(suffix))); } catch (error) {
        complain(error, `${this.name} could not be ${what}`);
        if (error.status) shelf.refresh();
      }
    };
    const labelled = (name, words, action) =>
      button({ class: 'quiet labelled', title: words }, action, icon(name), element('span', {}, words));
    const small = (name, words, action) => button({ class: 'quiet icon-only', title: words }, action, icon(name));
    return {
      play: button({ class: 'primary' }, () => play(this.download), icon('play'), element('span')),
      pause: labelled('pause', 'Pause', act('POST', '/pause', 'paused')),
      resume: labelled('resume', 'Resume', act('POST', '/resume', 'resumed')),
      retry: button({ class: 'primary' }, act('POST', '/retry', 'tried again'), icon('retry'), 'Try again'),
      pin: small('pin', 'Pin', () =>
        (this.download.pinned ? act('DELETE', '/pin', 'unpinned') : act('PUT', '/pin', 'pinned'))()),
      cancel: small('close', 'Cancel', () => this.end('cancel')),
      delete: small('delete', 'Delete', () => this.end('delete')),
    };
  }

  /// Cancels or deletes, once the user is sure.
  async end(kind) {
    const { id, quality, total_bytes: size } = this.download;
    const name = this.name;
    const leaves = size
      ? `Its ${quality} film of ${bytes(size)} leaves this box. You can get it again while the internet is there.`
      : 'It leaves this box.';
    const isGivenUp = `What came in of it so far, ${bytes(this.download.downloaded_bytes)}, is given up.`;
    const isSure = await confirm(kind === 'delete'
      ? { heading: `Delete ${name}?`, yes: 'Delete', body: element('p', {}, leaves) }
      : { heading: `Cancel ${name}?`, yes: 'Cancel it', no: 'Go on', body: element('p', {}, isGivenUp) });
    if (!isSure) return;
    const neighbour = this.root.nextElementSibling || this.root.previousElementSibling;
    try {
      const ended = await ask('DELETE', `/api/downloads/${id}${kind === 'delete' ? '/delete' : ''}`);
      forget(id);
      tell(kind === 'delete' ? `${name} is deleted.` : `${name} is cancelled.`);
      shelf.put(ended);
      // The keyboard goes on beside what is gone.
      const next = neighbour && neighbour.isConnected ? neighbour.querySelector('.actions button') : null;
      (next || document.getElementById('main')).focus();
    } catch (error) {
      complain(error, `${name} could not be ${kind === 'delete' ? 'deleted' : 'cancelled'}`);
      if (error.status) shelf.refresh();
    }
  }

  update(download) {
    this.download = download;
    const { status, error } = download;
    set(this.root, 'data-status', status);
    set(this.root, 'data-id', download.id);
    set(this.root, 'aria-label', this.name);
    set(this.root, 'data-trouble', Boolean(error) || status === 'failed');
    say(this.heading, this.name);
    const size = status === 'completed' || download.total_bytes === null || status === 'failed'
      ? bytes(download.total_bytes) : `${bytes(download.downloaded_bytes)} of ${bytes(download.total_bytes)}`;
    say(this.facts, `${download.quality} · ${size}${download.pinned ? ' · pinned' : ''}`);
    say(this.state, this.words());
    this.updateCover();
    this.updateActions();
  }

  words() {
    const { status, error, progress, bytes_per_second: speed, eta_seconds: eta } = this.download;
    const why = error ? reason(error.code) : null;
    switch (status) {
      case 'completed': {
        const place_ = stopped(this.download.id);
        if (place_) return `Stopped at ${place(place_.at)} of ${place(place_.of)}`;
        const { last_played_at: played, completed_at: done } = this.download;
        return played ? `Played ${ago(played)}` : `Arrived ${ago(done)}`;
      }
      case 'failed': return why ? `${why.title}. ${why.advice}` : 'It failed.';
      case 'paused': return why ? `Paused. ${why.title}.` : 'Paused';
    }
    if (why) {
      const next = error.next_attempt_at ? (new Date(error.next_attempt_at) - Date.now()) / 1000 : 0;
      return `${why.title}. ${next > 2 ? `Next try in ${duration(next)}.` : why.advice}`;
    }
    if (status === 'pending') return progress > 0 ? 'Waits for its turn' : 'Queued';
    if (speed > 0) return eta ? `${rate(speed)}, ${duration(eta)} left` : rate(speed);
    return progress >= 99 ? 'Being checked' : 'Coming in';
  }

  updateCover() {
    const { status, progress } = this.download;
    const isOnItsWay = isMoving(this.download);
    say(this.figure, isOnItsWay ? `${Math.floor(progress)}` : monogram(this.name));
    set(this.figure, 'data-unit', isOnItsWay ? '%' : null);
    set(this.cover, 'data-playable', this.isPlayable);
    const watched = status === 'completed' ? stopped(this.download.id) : null;
    this.progress.hidden = !isOnItsWay && !watched;
    set(this.progress, 'class', watched ? 'watched' : null);
    const value = watched ? Math.round((watched.at / watched.of) * 1000) / 10 : progress;
    if (isOnItsWay && this.download.total_bytes === null) this.progress.removeAttribute('value');
    else if (this.progress.value !== value || !this.progress.hasAttribute('value')) this.progress.value = value;
    set(this.progress, 'aria-label', watched ? `${this.name}, watched` : `${this.name}, on the box`);
    set(this.progress, 'aria-valuetext', percent(value));
  }

  updateActions() {
    const { status, pinned } = this.download;
    const { play, pause, resume, retry, pin, cancel, delete: remove } = this.buttons;
    const resumes = stopped(this.download.id);
    say(play.lastChild, resumes ? 'Go on' : 'Play');
    set(play, 'aria-label', `${resumes ? 'Go on with' : 'Play'} ${this.name}`);
    set(pause, 'aria-label', `Pause ${this.name}`);
    set(resume, 'aria-label', `Resume ${this.name}`);
    set(retry, 'aria-label', `Try ${this.name} again`);
    set(cancel, 'aria-label', `Cancel ${this.name}`);
    set(remove, 'aria-label', `Delete ${this.name}`);
    set(pin, 'aria-label', `Pin ${this.name}`);
    set(pin, 'aria-pressed', String(pinned));
    set(pin, 'title', pinned ? 'Unpin: it may go when room is needed' : 'Pin: it never goes by itself');
    const shown = {
      pending: [pause, pin, cancel], downloading: [pause, pin, cancel], paused: [resume, pin, cancel],
      completed: [pin, remove], failed: [retry, remove],
    }[status] || [];
    const before = document.activeElement;
    const hadFocus = this.actions.contains(before);
    arrange(this.actions, this.isPlayable ? [play, ...shown] : shown);
    // Pause became resume, or nothing: the keyboard stays in this card.
    if (hadFocus && !this.actions.contains(before)) (this.actions.querySelector('button') || this.root).focus();
  }
}
