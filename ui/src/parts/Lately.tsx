import { useCallback, useMemo, useState } from 'react';
import type { DamascusEvent } from '../api/client';
import { useEvents } from '../api/live';
import { useSteady } from '../lists/useSteady';
import { itemHash } from '../route';
import { eventName, eventTone } from './events';
import { Empty } from './states';
import { Ago, Said } from './text';

/** The latest events, newest first; they hold still under the pointer. */
export function Lately({ first, most }: { first: DamascusEvent[]; most: number }) {
  const [heard, setHeard] = useState<DamascusEvent[]>([]);
  useEvents(useCallback((event: DamascusEvent) => setHeard((had) => [event, ...had].slice(0, 50)), []));
  const fresh = useMemo(() => {
    const seen = new Set<number>();
    return [...heard, ...first].filter((one) => !seen.has(one.id) && seen.add(one.id)).slice(0, most);
  }, [heard, first, most]);
  const { rows, hold } = useSteady(fresh, 'lately');
  if (rows.length === 0) return <Empty icon="clock" title="Nothing has happened yet" />;
  return (
    <ul className="lines events" {...hold}>
      {rows.map((event) => {
        const body = (
          <>
            <i className={`bead tone-${eventTone(event)}`} aria-hidden="true" />
            <span className="line-main one">
              <span className="event-name">{eventName(event)}</span>
              <span className="line-sub">{event.key ? <Said text={`${event.project ?? ''} / ${event.key}`} /> : event.project}</span>
            </span>
            <span className="num faint"><Ago at={event.created_at} /></span>
          </>
        );
        return (
          <li key={event.id}>
            {event.item_id === null ? <span className="line-row">{body}</span> : <a className="line-row" href={itemHash(event.item_id)}>{body}</a>}
          </li>
        );
      })}
    </ul>
  );
}
