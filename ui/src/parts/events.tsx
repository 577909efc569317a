import type { DamascusEvent } from '../api/client';
import type { EventType } from '../api/events';
import { Said } from './text';

const WORDS: Record<EventType, string> = {
  'work.ingested': 'Story accepted',
  'work.story_changed': 'Story changed',
  'work.spec_ready': 'Spec written',
  'work.built': 'Built, pull request open',
  'work.merged': 'Merged',
  'work.retry': 'Goes again',
  'work.awaiting_human': 'Asks a question',
  'work.blocked': 'Blocked',
  'work.error': 'Fault, tried again later',
  'work.claim_lost': 'Worker lost',
  'work.released': 'Released by its worker',
  'work.answered': 'Answered',
  'work.retried': 'Set going again',
  'work.cancelled': 'Cancelled',
  'work.changed': 'Changed',
  'gate.closed': 'Waits for something',
  'gate.opened': 'Wait is over',
  'project.added': 'Project added',
  'project.changed': 'Project changed',
  'project.paused': 'Project paused',
  'project.resumed': 'Project resumed',
  'project.base_checked': 'Base of a project tried',
  'condition.opened': 'Something is wrong for everybody',
  'condition.closed': 'That is over',
  'relay.parked': 'A sink goes without an event',
};
const TONES: Partial<Record<EventType, string>> = {
  'work.spec_ready': 'spec',
  'work.built': 'build',
  'work.merged': 'merged',
  'work.retry': 'awaiting_human',
  'work.awaiting_human': 'awaiting_human',
  'work.blocked': 'blocked',
  'work.error': 'blocked',
  'work.claim_lost': 'blocked',
  'work.cancelled': 'cancelled',
};

export function eventName(event: DamascusEvent): string {
  return WORDS[event.type as EventType] ?? event.type;
}

export function eventTone(event: DamascusEvent): string {
  return TONES[event.type as EventType] ?? 'plain';
}

/** What the event's data add, in a line: the summary or the note, else what was changed. */
export function EventDetail({ event }: { event: DamascusEvent }) {
  const said = [event.data.summary, event.data.note, event.data.reason].find((one) => typeof one === 'string' && one);
  if (typeof said === 'string') return <Said text={said} />;
  const changed = ['priority', 'budget_cycles', 'budget_usd']
    .filter((name) => event.type === 'work.changed' && event.data[name] !== undefined)
    .map((name) => `${name.replace('_', ' ')} ${String(event.data[name])}`);
  return changed.length ? <>{changed.join(', ')}</> : null;
}
