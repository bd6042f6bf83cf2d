// Who is signed in: a token, kept for this tab's session and nowhere else, and what it says of its owner. What it says is
// a hint for what to show; the box decides.

const key = 'larder.token';

/// A token that came with the address, `/#token=…`; it is taken out of the address and the history at once.
export function takeFromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, '', location.pathname + location.search);
  try { return decodeURIComponent(match[1]); } catch { return match[1]; }
}

export const session = {
  get token() { return sessionStorage.getItem(key); },

  /// The user's name, `sub`.
  get user() { return claims(this.token).sub || ''; },

  get isAdministrator() {
    const { role, roles } = claims(this.token);
    return role === 'admin' || (Array.isArray(roles) && roles.includes('admin'));
  },

  /// Whether its time is over, by this machine's clock.
  get isExpired() {
    const { exp } = claims(this.token);
    return typeof exp === 'number' && exp * 1000 < Date.now();
  },

  begin(token) { sessionStorage.setItem(key, token); },
  end() { sessionStorage.removeItem(key); },
};

/// Whether a text has the form of a token: three parts, the middle one a JSON object.
export function looksLikeToken(text) {
  return text.split('.').length === 3 && Object.keys(claims(text)).length > 0;
}

function claims(token) {
  try {
    const payload = (token || '').split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const raw = Uint8Array.from(atob(payload), letter => letter.charCodeAt(0));
    const read = JSON.parse(new TextDecoder().decode(raw));
    return read && typeof read === 'object' ? read : {};
  } catch { return {}; }
}
