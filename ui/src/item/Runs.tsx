import { useState } from 'react';
import type { ItemDetail, Run } from '../api/client';
import { Icon } from '../parts/Icon';
import { PHASE_NAMES } from '../parts/phase';
import { Ago, Output, Said } from '../parts/text';
import { Empty } from '../parts/states';
import { moment, span, usd } from '../text/format';
import { Log } from './Log';
import { commandOf, outputOf } from './output';

export function Runs({ detail }: { detail: ItemDetail }) {
  const { runs, item } = detail;
  const [open, setOpen] = useState<number | null>(null);
  const shown = open ?? runs[0]?.id ?? null;
  if (runs.length === 0) return <Empty icon="clock" title="No run yet">A worker claims the item when its turn comes.</Empty>;
  return (
    <ul className="runs">
      {runs.map((run) => (
        <li key={run.id} className={run.id === shown ? 'is-open' : ''}>
          <button type="button" className="run-head" aria-expanded={run.id === shown} onClick={() => setOpen(run.id === shown ? -1 : run.id)}>
            <Icon name="chevron" size={14} />
            <span className={`pill ph-${run.phase}`}>{run.finished_at === null ? <span className="beat" aria-hidden="true" /> : null}{PHASE_NAMES[run.phase]}</span>
            <VerdictSign run={run} />
            <span className="run-said"><Said text={run.summary.split('\n')[0] ?? ''} /></span>
            <span className="num faint">{span(run.seconds)}</span>
            <span className="num faint run-usd">{usd(run.usd)}{run.estimated ? '~' : ''}</span>
          </button>
          {run.id === shown ? <RunBody run={run} item={item.id} /> : null}
        </li>
      ))}
    </ul>
  );
}

function VerdictSign({ run }: { run: Run }) {
  if (run.finished_at === null) return <span className="verdict verdict-open">running</span>;
  if (run.verdict === null) return <span className="verdict">released</span>;
  const effect = run.effective && run.effective !== run.verdict ? `, ${run.effective.replace('_', ' ')}` : '';
  return <span className={`verdict verdict-${run.verdict}`}>{run.verdict.replace('_', ' ')}{effect}</span>;
}

function RunBody({ run, item }: { run: Run; item: number }) {
  const output = outputOf(run);
  const command = commandOf(run);
  const reasons = Array.isArray(run.details.reasons) ? run.details.reasons.filter((one): one is string => typeof one === 'string') : [];
  const paths = Array.isArray(run.details.paths) ? run.details.paths.filter((one): one is string => typeof one === 'string') : [];
  return (
    <div className="run-body">
      {run.summary ? <p><Said text={run.summary} links /></p> : null}
      {reasons.length > 0 ? <ul className="plain">{reasons.map((one, place) => <li key={place}><Said text={one} /></li>)}</ul> : null}
      {paths.length > 0 ? <ul className="plain">{paths.map((one, place) => <li key={place}><code><Said text={one} /></code></li>)}</ul> : null}
      <dl className="facts">
        <div><dt>Worker</dt><dd>{run.worker}</dd></div>
        <div><dt>Attempt</dt><dd>{run.attempt}</dd></div>
        <div><dt>Started</dt><dd title={moment(run.started_at)}><Ago at={run.started_at} suffix=" ago" /></dd></div>
        {run.head_sha ? <div><dt>Head</dt><dd><code>{run.head_sha.slice(0, 10)}</code></dd></div> : null}
        {run.base_sha ? <div><dt>Base</dt><dd><code>{run.base_sha.slice(0, 10)}</code></dd></div> : null}
      </dl>
      {output ? (
        <>
          <h4>{run.phase === 'review' ? 'Test output' : 'What was said'}{command ? <> of <code><Said text={command} /></code></> : null}</h4>
          <Output text={output} label={run.phase === 'review' ? 'Test output' : 'What was said'} />
        </>
      ) : null}
      {run.has_log ? <Log item={item} run={run.id} live={run.finished_at === null} /> : null}
    </div>
  );
}
