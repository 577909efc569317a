import { useSyncExternalStore } from 'react';
import { offer, parted } from './link';

// Where one is lives in the hash, so that a view can be shared: #/items?phase=build&item=12

export type Page = 'dashboard' | 'items' | 'inbox';
export type Route = { page: Page; query: URLSearchParams };

const PAGES: readonly Page[] = ['dashboard', 'items', 'inbox'];

/** The route that a hash names; what is not known is the dashboard. */
export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const page = PAGES.find((one) => one === path) ?? 'dashboard';
  return { page, query: new URLSearchParams(query) };
}

/** The hash of a page; what is empty is left out. */
export function hashOf(page: Page, query: Record<string, string | number | null | undefined> | URLSearchParams = {}): string {
  const found = new URLSearchParams();
  const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  for (const [name, value] of entries) {
    if (value !== null && value !== undefined && value !== '') found.append(name, String(value));
  }
  const text = found.toString().replaceAll('%2C', ',');
  return `#/${page === 'dashboard' ? '' : page}${text ? `?${text}` : ''}`;
}

/** Where the address leads. The token of a sign-in link is out of the address before anything else. */
function arrive(): Route {
  const { hash, token } = parted(window.location.hash);
  if (token !== null) {
    window.history.replaceState(null, '', hash);
    if (token) offer(token);
  }
  return parse(hash);
}

let current = arrive();
const watchers = new Set<() => void>();
window.addEventListener('hashchange', () => {
  current = arrive();
  for (const tell of watchers) tell();
});

export function useRoute(): Route {
  return useSyncExternalStore(
    (tell) => {
      watchers.add(tell);
      return () => watchers.delete(tell);
    },
    () => current,
  );
}

/** Change parts of the query; null takes a part away. `replace` leaves no step in the history. */
export function amend(changes: Record<string, string | number | null>, { replace = false } = {}): void {
  const query = new URLSearchParams(current.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, String(value));
  }
  go(hashOf(current.page, query), { replace });
}

export function go(hash: string, { replace = false } = {}): void {
  if (hash === window.location.hash) return;
  if (!replace) {
    window.location.hash = hash;
    return;
  }
  window.history.replaceState(null, '', hash);
  current = parse(hash);
  for (const tell of watchers) tell();
}

/** The link that opens an item over the page one is on. */
export function itemHash(id: number, tab?: string): string {
  const query = new URLSearchParams(current.query);
  query.set('item', String(id));
  query.delete('tab');
  if (tab) query.set('tab', tab);
  return hashOf(current.page, query);
}
