import { useSyncExternalStore } from 'react';
import type { QueryClient } from '@tanstack/react-query';
import { Failure, send, type Session } from './api/client';

// A sign-in link carries a token in the hash, which no server is ever sent: #/?token=dam_…
// It is taken out of the address before anything is shown, used once, and kept nowhere.

/** A hash without the token that it carries, and that token; null when it carries none. */
export function parted(hash: string): { hash: string; token: string | null } {
  const [path = '', ...rest] = hash.split('?');
  const query = new URLSearchParams(rest.join('?'));
  const token = query.get('token');
  if (token === null) return { hash, token };
  query.delete('token');
  const left = query.toString().replaceAll('%2C', ',');
  return { hash: `${path || '#/'}${left ? `?${left}` : ''}`, token };
}

export type Link = 'none' | 'asking' | Failure;

let link: Link = 'none';
let offered: string | null = null;
const watchers = new Set<() => void>();

function set(now: Link): void {
  link = now;
  for (const tell of watchers) tell();
}

/** Sign in with this token as soon as there is somebody to do it. */
export function offer(token: string): void {
  offered = token;
  set('asking');
}

/** Forget that a link was refused. */
export function settle(): void {
  if (link !== 'none') set('none');
}

/** Sign in with the token that was offered, if there is one. */
export async function follow(client: QueryClient): Promise<void> {
  const token = offered;
  offered = null;
  if (token === null) return;
  try {
    const session = await send<Session>('POST', '/v1/session', { token: token.trim() });
    if (offered !== null) return await follow(client); // another link came in the meantime
    await client.cancelQueries();
    client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
    client.setQueryData(['session'], session);
    set('none');
  } catch (error) {
    if (offered !== null) return await follow(client);
    set(error instanceof Failure ? error : new Failure(0, 'failed', String(error)));
  }
}

/** Whether a link is being followed, or why it was refused. */
export function useLink(): Link {
  return useSyncExternalStore(
    (tell) => {
      watchers.add(tell);
      return () => watchers.delete(tell);
    },
    () => link,
  );
}
