// Numbers and moments as people say them.

/// `1.07 GB`: decimal units and three digits, as the program itself prints them. Number and unit stay on one
/// line.
export function bytes(count) {
  if (count === null || count === undefined) return 'unknown size';
  if (count < 1000) return `${count}\u00a0B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  // Rounded down: nothing is ever said to be more than it is.
  const scale = 10 ** decimals;
  return `${(Math.floor(value * scale + 1e-9) / scale).toFixed(decimals)}\u00a0${units[unit]}`;
}

export function rate(bytesPerSecond) { return `${bytes(bytesPerSecond)}/s`; }

/// `99.9 %`; whole numbers without a decimal.
export function percent(value) { return `${Number.isInteger(value) ? value : value.toFixed(1)}\u00a0%`; }

/// A length of time, as rough as one thinks of it: `40 s`, `12 min`, `1 h 25 min`, `3 days`.
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/// A place in a film: `4:05`, `1:02:30`.
export function place(seconds) {
  const whole = Math.floor(seconds);
  const two = number => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});

export function timeOfDay(moment) { return clock.format(moment); }

/// The moment itself, to the second.
export function exactly(text) { return full.format(new Date(text)); }

/// How long ago: `just now`, `5 min ago`, `yesterday`, then the date.
export function ago(text, now = Date.now()) {
  const seconds = (now - new Date(text).getTime()) / 1000;
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${duration(seconds)} ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 2 * 86400) return 'yesterday';
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} days ago`;
  return `on ${day.format(new Date(text))}`;
}

/// `1 film`, `3 films`.
export function count(number, one, many = `${one}s`) { return `${number} ${number === 1 ? one : many}`; }

/// A sentence: the first letter large, a full stop behind it.
export function sentence(text) {
  if (!text) return '';
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}
