// Server-sent events by fetch, since EventSource sends no Authorization header. One stream at a time; when it ends it is
// opened again, a little later each time.

import { found, headers, problem } from '/page/box.js';
import { session } from '/page/session.js';

/// The box says something at least every 15 s: after this long without a word, in ms, the stream is dead.
const silence = 20_000;
const longestWait = 15_000;

/// Follows the user's downloads until `signal` aborts.
///
/// `heard` gets each progress object; `changed` hears whether the stream stands. While it does not, somebody has to ask.
export class Stream {
  constructor({ heard, changed }) {
    this.heard = heard;
    this.changed = changed;
    this.stopping = new AbortController();
    this.wait = 1000;
    this.hurry = () => {};
  }

  async run() {
    while (!this.stopping.signal.aborted) {
      try {
        await this.listen();
      } catch (error) {
        // A token that is not taken any more ends it all; whoever signs in anew makes a new one.
        if (error.status === 401 || error.status === 403) return;
      }
      this.changed(false);
      if (this.stopping.signal.aborted) return;
      await this.pause();
    }
  }

  stop() {
    this.stopping.abort();
    this.hurry();
  }

  /// Tries at once: the box was just heard of otherwise.
  wake() { this.hurry(); }

  pause() {
    const wait = this.wait;
    this.wait = Math.min(longestWait, wait * 2);
    return new Promise(resolve => {
      const timer = setTimeout(resolve, wait);
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async listen() {
    const token = session.token;
    const quiet = new AbortController();
    const give = () => quiet.abort();
    this.stopping.signal.addEventListener('abort', give);
    let timer;
    const patience = () => {
      clearTimeout(timer);
      timer = setTimeout(give, silence);
    };
    try {
      patience();
      const response = await fetch('/api/downloads/events', {
        headers: headers(token), signal: quiet.signal, cache: 'no-store', credentials: 'omit',
      });
      if (!response.ok) throw problem(response.status, await response.text(), token);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const lines = new EventLines(this.heard);
      while (true) {
        const { done, value } = await reader.read();
        if (done) return;
        // The first comment comes at once: now it stands.
        found();
        this.changed(true);
        this.wait = 1000;
        patience();
        lines.take(decoder.decode(value, { stream: true }));
      }
    } finally {
      clearTimeout(timer);
      this.stopping.signal.removeEventListener('abort', give);
    }
  }
}

/// The lines of a stream put together to events (WHATWG HTML, section 9.2.6), as far as the box uses them.
export class EventLines {
  constructor(heard) {
    this.heard = heard;
    this.rest = '';
    this.data = '';
    this.name = '';
  }

  take(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (this.name === 'download' && this.data) this.heard(JSON.parse(this.data));
        this.data = this.name = '';
      } else if (line.startsWith('data: ')) this.data += line.slice(6);
      else if (line.startsWith('event: ')) this.name = line.slice(7);
    }
  }
}
