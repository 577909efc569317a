import { useSyncExternalStore } from 'react';
import type { DamascusEvent } from './client';
import { EVENT_TYPES } from './events';

// What happens, as it happens. The browser goes on behind the last event by itself (Last-Event-ID);
// when it gives up, because the server answered with an error, we connect again from that place.

export type Line = { state: 'connecting' | 'live' | 'lost'; since: number };

const AGAIN = [1000, 2000, 5000, 10_000]; // milliseconds

let line: Line = { state: 'connecting', since: Date.now() };
const watchers = new Set<() => void>();

function set(state: Line['state']): void {
  if (line.state === state) return;
  line = { state, since: Date.now() };
  for (const tell of watchers) tell();
}

/** How the line to the server is. */
export function useLine(): Line {
  return useSyncExternalStore(
    (tell) => {
      watchers.add(tell);
      return () => watchers.delete(tell);
    },
    () => line,
  );
}

/** Listen until the returned function is called; `onBack` when the line stands again after a break. */
export function listen(onEvent: (event: DamascusEvent) => void, onBack: () => void): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let last = '';
  let failed = 0;
  let ended = false;

  const receive = (message: MessageEvent<string>): void => {
    last = message.lastEventId || last;
    try {
      onEvent(JSON.parse(message.data) as DamascusEvent);
    } catch {
      // A broken event is no reason to stop listening: the lists are read again anyway.
    }
  };

  const connect = (): void => {
    if (ended) return;
    const made = new EventSource(last ? `/v1/events/stream?after=${encodeURIComponent(last)}` : '/v1/events/stream');
    source = made;
    made.onopen = () => {
      const back = failed > 0 || line.state === 'lost';
      failed = 0;
      set('live');
      if (back) onBack();
    };
    made.onmessage = receive;
    // Events carry their type as the name, so each has to be listened to.
    for (const type of EVENT_TYPES) made.addEventListener(type, receive as EventListener);
    made.onerror = () => {
      set('lost');
      failed += 1;
      if (made.readyState === EventSource.CLOSED) {
        made.close();
        window.clearTimeout(timer);
        timer = window.setTimeout(connect, AGAIN[Math.min(failed, AGAIN.length) - 1] ?? 10_000);
      }
    };
  };

  const online = (): void => {
    if (line.state !== 'live') {
      source?.close();
      window.clearTimeout(timer);
      connect();
    }
  };
  const offline = (): void => set('lost');
  window.addEventListener('online', online);
  window.addEventListener('offline', offline);
  connect();
  return () => {
    ended = true;
    window.clearTimeout(timer);
    window.removeEventListener('online', online);
    window.removeEventListener('offline', offline);
    source?.close();
    set('connecting');
  };
}
