// Numbers, times and money as people read them.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** A span of seconds in one or two units: 42s, 3m 10s, 2h 5m, 6d 4h. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–';
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}s`;
  if (whole < HOUR) return two(whole, MINUTE, 'm', 1, 's', whole < 10 * MINUTE);
  if (whole < DAY) return two(whole, HOUR, 'h', MINUTE, 'm', true);
  return two(whole, DAY, 'd', HOUR, 'h', whole < 10 * DAY);
}

function two(all: number, big: number, unit: string, small: number, rest: string, both: boolean) {
  const left = Math.floor((all % big) / small);
  return `${Math.floor(all / big)}${unit}${both && left ? ` ${left}${rest}` : ''}`;
}

/** The biggest unit alone: 42s, 3m, 2h, 6d. */
export function about(seconds: number | null | undefined): string {
  return span(seconds).split(' ')[0] ?? '–';
}

/** Dollars, exact to the cent, finer below one; a dash where nobody could measure. */
export function usd(amount: string | number | null | undefined): string {
  if (amount === null || amount === undefined) return '–';
  const value = Number(amount);
  if (value === 0) return '$0';
  if (value < 0.01) return '<$0.01';
  const digits = value >= 1000 ? 0 : 2;
  return `$${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** A count with thousands apart. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toLocaleString('en-US');
}

/** Tokens: 900, 12.3k, 4.5M. */
export function tokens(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return String(value);
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** Seconds since a moment, by this machine's clock. */
export function since(moment: string | null | undefined, now: number = Date.now()): number | null {
  return moment ? Math.max(0, (now - Date.parse(moment)) / 1000) : null;
}

/** A moment in full, in the reader's zone. */
export function moment(value: string | null | undefined): string {
  if (!value) return '–';
  return new Date(value).toLocaleString('en-GB', {
    day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
  });
}

/** "1 item", "2 items". */
export function plural(number: number, one: string, many: string = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
