// What stories, models, repositories and logs say is shown as text, and nothing else. React escapes
// markup; here goes what it lets through: escape sequences, unseen characters, links that act.

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
const ANSI = new RegExp(
  `${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}[\\]PX^_][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)?|${ESC}[ -/]*[0-~]`,
  'g',
);
// Control characters but tab and newline, and the marks that reorder or hide text for a reader.
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text with line feeds only, without escape sequences and unseen characters. */
export function clean(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ANSI, '').replace(UNSEEN, '');
}

/** The address as it may be linked: http and https only; null for anything else. */
export function safeHref(address: string | null | undefined): string | null {
  if (!address) return null;
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

export type Piece = { text: string; href: string | null };

/** Text in pieces, those that are http(s) addresses with their link. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'`)\]}]+/g)) {
    const shown = match[0].replace(/[.,;:!?]+$/, '');
    const href = safeHref(shown);
    if (!href) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index), href: null });
    found.push({ text: shown, href });
    from = match.index + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), href: null });
  return found;
}

/** The last `count` lines that are not empty at the end. */
export function lastLines(text: string, count: number): string {
  return clean(text).trimEnd().split('\n').slice(-count).join('\n');
}
