// Questions to the box. Each answer is JSON or a problem (RFC 9457); no answer at all is another thing, and is told to
// whoever shows that.

import { session } from '/page/session.js';

/// The box said no, and why.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `status ${status}`);
    this.status = status;
    this.code = body.code || 'internal';
    this.body = body;
  }
}

/// The box said nothing.
export class Unreachable extends Error {
  constructor() {
    super('the box cannot be reached');
    this.code = 'box_unreachable';
  }
}

/// Tells `away` and `back` when the box is lost and found, and `refused` when it does not take the token any more.
export const box = new EventTarget();
let isAway = false;

export function lost() {
  if (isAway) return;
  isAway = true;
  box.dispatchEvent(new Event('away'));
}

export function found() {
  if (!isAway) return;
  isAway = false;
  box.dispatchEvent(new Event('back'));
}

export function headers(token, hasBody = false) {
  const fields = { Authorization: `Bearer ${token}` };
  if (hasBody) fields['Content-Type'] = 'application/json';
  return fields;
}

/// What an answer that is no success says, and whether the session is over by it.
export function problem(status, text, token) {
  let body = {};
  try { body = JSON.parse(text); } catch { /* An answer of somebody in between. */ }
  const made = new Problem(status, body);
  const isOver = status === 401 || made.code === 'premium_required';
  if (isOver && token === session.token) box.dispatchEvent(new CustomEvent('refused', { detail: made }));
  return made;
}

/// Asks and waits for the whole answer. A start waits for the origin, so that it has longer.
export async function ask(method, path, body) {
  const token = session.token;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), method === 'GET' ? 10_000 : 45_000);
  let response, text;
  try {
    response = await fetch(path, {
      method, headers: headers(token, body !== undefined), body: body === undefined ? undefined : JSON.stringify(body),
      signal: patience.signal, cache: 'no-store', credentials: 'omit', redirect: 'error',
    });
    text = await response.text();
  } catch {
    lost();
    throw new Unreachable();
  } finally { clearTimeout(timer); }
  found();
  if (!response.ok) throw problem(response.status, text, token);
  return JSON.parse(text);
}
