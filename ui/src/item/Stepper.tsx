import type { ItemDetail, Phase } from '../api/client';
import { doing } from '../api/queries';
import { Icon } from '../parts/Icon';
import { PHASE_NAMES } from '../parts/phase';
import { span } from '../text/format';

const STEPS = ['spec', 'build', 'review', 'merged'] as const;

/** The way of an item as pills: what is behind it, where it is, and where it stands still. */
export function Stepper({ detail }: { detail: ItemDetail }) {
  const { item } = detail;
  const parked = item.phase === 'awaiting_human' || item.phase === 'blocked' || item.phase === 'cancelled';
  const at: Phase = parked ? (item.phase_before ?? 'spec') : item.phase;
  const place = STEPS.findIndex((one) => one === at);
  const times = new Map(detail.phases.map((one) => [one.phase, one.seconds]));
  return (
    <ol className="stepper" aria-label="Phases">
      {STEPS.map((step, index) => {
        const current = index === place;
        const done = index < place || item.phase === 'merged';
        const tone = current && parked ? item.phase : step;
        const state = done ? 'done' : current ? (parked ? item.phase : (doing(item) ?? 'here')) : 'ahead';
        const seconds = times.get(step as Phase);
        return (
          <li key={step} className={`step ph-${tone} ${done ? 'is-done' : current ? 'is-here' : 'is-ahead'}`} aria-current={current ? 'step' : undefined}>
            <span className="step-pill">
              {done ? <Icon name="check" size={13} /> : null}
              {current && (state === 'running' || state === 'merging') ? <span className="beat" aria-hidden="true" /> : null}
              {PHASE_NAMES[step]}
            </span>
            <span className="step-under">
              {current && parked ? PHASE_NAMES[item.phase].toLowerCase() : current && !done ? state : ''}
              {seconds !== undefined ? `${current && !done ? ' · ' : ''}${span(seconds)}` : ''}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
