// The user's downloads as this page knows them: read once, then kept up to date by events, or by asking again while there
// are none.

import { ask, box } from '/page/box.js';
import { Stream } from '/page/events.js';

/// How often is asked while no stream stands, in ms.
const pace = 4000;

/// Tells `change` when the list or the storage is another, `progress` with a download that moved, and `turn` with one whose
/// status changed and what it was before.
class Shelf extends EventTarget {
  constructor() {
    super();
    this.clear();
    box.addEventListener('back', () => this.stream && this.stream.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.stream) {
        this.refresh();
        this.stream.wake();
      }
    });
  }

  clear() {
    this.downloads = new Map();
    this.storage = null;
    this.cursor = null;
    this.isLoaded = false;
    this.isLive = false;
    this.readAt = null;
    /// Names by content id, from the catalogue.
    this.names = new Map();
  }

  begin() {
    this.clear();
    this.tell('change');
    this.stream = new Stream({
      heard: progress => this.heard(progress),
      changed: isLive => {
        // What ended the stream, an answer to a question tells: the box may be gone, or only the stream.
        if (this.isLive && !isLive) this.refresh();
        this.isLive = isLive;
      },
    });
    this.stream.run();
    this.timer = setInterval(() => { if (!this.isLive) this.refresh(); }, pace);
    return this.refresh();
  }

  end() {
    clearInterval(this.timer);
    if (this.stream) this.stream.stop();
    this.stream = null;
    this.clear();
  }

  /// Newest first.
  get list() { return [...this.downloads.values()].sort((one, other) => (one.id < other.id ? 1 : -1)); }

  /// What the user calls a title.
  name(contentID) { return this.names.get(contentID) || contentID; }

  of(contentID, quality) {
    return this.list.find(download => download.content_id === contentID && download.quality === quality);
  }

  /// Reads the list again; calls while one is under way share one more afterwards.
  refresh() {
    if (this.reading) {
      this.again = true;
      return this.reading;
    }
    this.reading = this.read(Math.max(1, this.downloads.size)).finally(() => {
      this.reading = null;
      if (this.again) {
        this.again = false;
        this.refresh();
      }
    });
    return this.reading;
  }

  /// Reads the next page too.
  more() { return this.read(this.downloads.size + 1); }

  async read(atLeast) {
    const stream = this.stream;
    const fresh = new Map();
    let cursor = null, answer;
    try {
      do {
        answer = await ask('GET', `/api/downloads?limit=100${cursor ? `&cursor=${cursor}` : ''}`);
        for (const download of answer.downloads) fresh.set(download.id, download);
        cursor = answer.next_cursor;
      } while (cursor && fresh.size < atLeast);
    } catch (error) {
      // Whoever shows that the box is away, or the session over, has heard of it.
      return;
    }
    if (stream !== this.stream) return;
    for (const [id, download] of fresh) {
      const known = this.downloads.get(id);
      if (known && known.status !== download.status) this.tell('turn', { download, before: known.status });
    }
    this.downloads = fresh;
    this.storage = answer.storage;
    this.cursor = cursor;
    this.isLoaded = true;
    this.readAt = new Date();
    this.tell('change');
  }

  /// A progress object of the stream.
  heard(progress) {
    this.readAt = new Date();
    const known = this.downloads.get(progress.id);
    const moves = ['pending', 'downloading', 'paused'].includes(progress.status);
    // What is new, or has come to an end, is more than a progress object tells.
    if (!known || known.status !== progress.status || !moves) this.refresh();
    if (!known || known.status !== progress.status) return;
    Object.assign(known, progress);
    this.tell('progress', known);
  }

  /// The box's answer to what the user did.
  put(download) {
    if (download.deleted_at) this.downloads.delete(download.id);
    else this.downloads.set(download.id, download);
    this.tell('change');
    this.refresh();
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

export const shelf = new Shelf();
