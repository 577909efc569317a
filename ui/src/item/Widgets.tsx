import type { ItemDetail } from '../api/client';
import { PHASE_NAMES } from '../parts/phase';
import { useNow } from '../parts/text';
import { moment, plural, since, span, tokens, usd } from '../text/format';

const ORDER = ['spec', 'build', 'review', 'awaiting_human', 'blocked', 'merged', 'cancelled'];

/** Four numbers: attempts and money against their budgets, time, runs. */
export function Widgets({ detail }: { detail: ItemDetail }) {
  const { item, runs } = detail;
  const phases = detail.phases.toSorted((a, b) => ORDER.indexOf(a.phase) - ORDER.indexOf(b.phase));
  const now = useNow(10_000);
  const total = phases.reduce((sum, one) => sum + one.runs, 0);
  const worked = phases.reduce((sum, one) => sum + one.seconds, 0);
  const spent = item.spent_usd === null ? null : Number(item.spent_usd);
  const budget = item.budget_usd === null ? null : Number(item.budget_usd);
  const unmeasured = detail.costs.reduce((sum, one) => sum + one.unmeasured, 0);
  const failed = runs.filter((one) => one.verdict !== null && one.verdict !== 'pass').length;
  const age = item.finished_at
    ? (Date.parse(item.finished_at) - Date.parse(item.created_at)) / 1000
    : since(item.created_at, now);
  return (
    <ul className="widgets" aria-label="Measures">
      <li>
        <h3>Attempts</h3>
        <strong>{item.attempts}<small> of {item.budget_cycles}</small></strong>
        <Meter value={item.attempts} most={item.budget_cycles} label="Attempts used" />
        <p>{item.consecutive_errors ? `${plural(item.consecutive_errors, 'fault')} in a row` : item.claimed_by ? 'This run counts until it passes' : item.attempts ? 'Went wrong since you last decided' : 'None has gone wrong'}</p>
      </li>
      <li>
        <h3>Cost</h3>
        <strong>{usd(item.spent_usd)}{budget === null ? null : <small> of {usd(budget)}</small>}</strong>
        <Meter value={spent ?? 0} most={budget ?? 0} label="Budget spent" />
        <p>
          {item.input_tokens === null && item.output_tokens === null ? 'Nothing measured yet' : `${tokens((item.input_tokens ?? 0) + (item.output_tokens ?? 0))} tokens`}
          {unmeasured ? ` · ${unmeasured} unmeasured` : budget === null ? ' · no limit' : ''}
        </p>
      </li>
      <li>
        <h3>{item.finished_at ? 'Took' : 'Age'}</h3>
        <strong title={moment(item.created_at)}>{span(age)}</strong>
        <div className="split" aria-hidden="true">
          {phases.map((one) => <i key={one.phase} className={`ph-${one.phase}`} style={{ flexGrow: Math.max(one.seconds, 0.01) }} title={`${PHASE_NAMES[one.phase]} ${span(one.seconds)}`} />)}
        </div>
        <p>{worked > 0 ? `${span(worked)} of work` : 'Not worked on yet'}</p>
      </li>
      <li>
        <h3>Runs</h3>
        <strong>{total}</strong>
        <div className="ticks" aria-hidden="true">
          {runs.toReversed().slice(-24).map((one) => <i key={one.id} className={`verdict-${one.verdict ?? 'open'}`} title={`${PHASE_NAMES[one.phase]}: ${one.verdict ?? 'runs'}`} />)}
        </div>
        <p>{total === 0 ? 'None yet' : failed ? `${failed} did not pass` : 'All passed so far'}</p>
      </li>
    </ul>
  );
}

function Meter({ value, most, label }: { value: number; most: number; label: string }) {
  const part = most > 0 ? Math.min(1, value / most) : 0;
  return (
    <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={Math.max(most, value, 1)} aria-valuenow={value}>
      <i className={part >= 1 ? 'full' : part > 0.66 ? 'high' : ''} style={{ width: `${part * 100}%` }} />
    </div>
  );
}
