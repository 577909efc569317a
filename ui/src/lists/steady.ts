// A list that somebody points at keeps its places: rows change where they stand, what is new waits.

export type Steady<T> = { rows: T[]; arrived: number; gone: ReadonlySet<number> };

/**
 * What to show now. `shown` is what stands there, `fresh` what the server says; while `held`, the
 * places of `shown` stay: rows that are no longer in `fresh` are named in `gone`, new ones counted
 * in `arrived`.
 */
export function steady<T extends { id: number }>(shown: T[], fresh: T[], held: boolean): Steady<T> {
  if (!held || shown.length === 0) return { rows: fresh, arrived: 0, gone: new Set() };
  const known = new Map(fresh.map((row) => [row.id, row]));
  const places = new Set(shown.map((row) => row.id));
  const arrived = fresh.filter((row) => !places.has(row.id)).length;
  const gone = new Set(shown.filter((row) => !known.has(row.id)).map((row) => row.id));
  // New rows push as many off the end of the page: those are not gone, just further down.
  for (let place = shown.length - 1, pushed = arrived; place >= 0 && pushed > 0; place -= 1, pushed -= 1) {
    const id = shown[place]?.id;
    if (id === undefined || !gone.delete(id)) break;
  }
  return { rows: shown.map((row) => known.get(row.id) ?? row), arrived, gone };
}
