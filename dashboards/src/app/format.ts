/** Quantities as people read them. Digits line up: the style sets tabular figures. */

const BIT_UNITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];

/** `16 Mbit/s`, `1.25 Gbit/s`: three significant digits. */
export function bitsPerSecond(bps: number): string {
  if (!Number.isFinite(bps)) return '–';
  let scaled = Math.abs(bps);
  let unit = 0;
  while (scaled >= 999.5 && unit < BIT_UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${bps < 0 ? '-' : ''}${significant(scaled)} ${BIT_UNITS[unit]}`;
}

function significant(value: number): string {
  const decimals = value >= 99.95 || value === 0 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(decimals).replace(/\.0+$/, '');
}

/** Mbit/s without the unit, for columns that name it. */
export function mbps(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : value.toFixed(value >= 100 ? 0 : 1);
}

/** `12.5 %` of a part of 1; whole numbers without the decimal. */
export function percent(part: number): string {
  const value = part * 100;
  if (!Number.isFinite(value)) return '–';
  return `${Math.abs(value - Math.round(value)) < 0.05 ? Math.round(value) : value.toFixed(1)} %`;
}

/** `1 234 567`, with thin spaces. */
export function count(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : grouped(String(Math.round(value)));
}

/** A decimal text with its thousands set apart; never through a float. */
export function money(amount: string): string {
  const [whole = '', fraction] = amount.split('.');
  return fraction === undefined ? grouped(whole) : `${grouped(whole)}.${fraction}`;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

/** Wall time of the reader: `14:03:09`. */
export function clockTime(time_ms: number): string {
  const at = new Date(time_ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** `4 s`, `12 min`, `3 h`, `2 d`. */
export function age(span_ms: number): string {
  const seconds = Math.max(0, Math.round(span_ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
