import type { ItemDetail } from '../api/client';
import { EventDetail, eventName, eventTone } from '../parts/events';
import { moment } from '../text/format';
import { Empty } from '../parts/states';

export function Timeline({ detail }: { detail: ItemDetail }) {
  if (detail.events.length === 0) return <Empty icon="clock" title="Nothing has happened yet" />;
  return (
    <ol className="timeline">
      {detail.events.toReversed().map((event) => (
        <li key={event.id}>
          <i className={`bead tone-${eventTone(event)}`} aria-hidden="true" />
          <div>
            <div className="timeline-head">
              <strong>{eventName(event)}</strong>
              <span className="faint">{event.actor}</span>
              <time className="faint num" dateTime={event.created_at}>{moment(event.created_at)}</time>
            </div>
            <p><EventDetail event={event} /></p>
          </div>
        </li>
      ))}
    </ol>
  );
}
