import type { Phase } from '../api/client';

export const PHASE_NAMES: Record<Phase, string> = {
  spec: 'Spec',
  build: 'Build',
  review: 'Review',
  awaiting_human: 'Needs answer',
  blocked: 'Blocked',
  merged: 'Merged',
  cancelled: 'Cancelled',
};

export const PHASES = Object.keys(PHASE_NAMES) as Phase[];

/** A phase as a small pill; `doing` says in a word what goes on. */
export function PhasePill({ phase, doing }: { phase: Phase; doing?: string | null }) {
  return (
    <span className={`pill ph-${phase}`} data-doing={doing ?? undefined}>
      {doing === 'running' || doing === 'merging' ? <span className="beat" aria-hidden="true" /> : null}
      {PHASE_NAMES[phase]}
      {doing && doing !== 'queued' ? <span className="pill-doing">{doing}</span> : null}
    </span>
  );
}

/** Attempts against the budget, as dots up to six and as numbers beyond. */
export function Attempts({ used, budget }: { used: number; budget: number }) {
  const label = `${used} of ${budget} attempts`;
  if (budget > 6) {
    return (
      <span className="num" title={label}>
        {used}/{budget}
      </span>
    );
  }
  return (
    <span className="dots" role="img" aria-label={label} title={label}>
      {Array.from({ length: budget }, (_, place) => (
        <i key={place} className={place < used ? (used >= budget ? 'full' : 'on') : ''} />
      ))}
    </span>
  );
}
