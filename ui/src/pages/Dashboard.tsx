import { useMemo } from 'react';
import type { ItemRow, Phase, Stats } from '../api/client';
import { doing, useIssues, useItems, useLately, useStats } from '../api/queries';
import { useSteady } from '../lists/useSteady';
import { Columns, lastDays } from '../parts/charts';
import { Lately } from '../parts/Lately';
import { Attempts, PHASE_NAMES, PhasePill } from '../parts/phase';
import { Empty, Trouble, Waiting } from '../parts/states';
import { Ago, Said } from '../parts/text';
import { hashOf, itemHash } from '../route';
import { about, count, plural, span, usd } from '../text/format';

const TONES = ['var(--tone-1)', 'var(--tone-2)', 'var(--tone-3)', 'var(--tone-4)', 'var(--tone-5)'];
const DAYS = 30;

export function Dashboard() {
  const stats = useStats();
  if (stats.isPending) return <><h1>Dashboard</h1><Waiting lines={10} /></>;
  if (!stats.data) return stats.error ? <Trouble error={stats.error} again={() => void stats.refetch()} /> : null;
  const now = stats.data;
  if (now.projects.length === 0) {
    return (
      <>
        <h1>Dashboard</h1>
        <Empty icon="items" title="No project yet">
          Add one where Damascus runs: <code>damascus project add NAME --repo …</code>, then hand in a story with{' '}
          <code>damascus ingest</code>.
        </Empty>
      </>
    );
  }
  return (
    <>
      <div className="page-head">
        <h1>Dashboard</h1>
        <p className="faint">
          {now.slots.used} of {plural(now.slots.cap, 'slot')} at work · {plural(now.finished.merged_today, 'story', 'stories')}{' '}
          merged today · {usd(now.spend.usd_today)} spent today
        </p>
      </div>
      <Flow stats={now} />
      <div className="two">
        <Throughput stats={now} />
        <Spend stats={now} />
      </div>
      <div className="two">
        <Workers stats={now} />
        <Waits stats={now} />
      </div>
      <div className="two">
        <Struggling stats={now} />
        <Happened />
      </div>
      <Projects stats={now} />
    </>
  );
}

function Flow({ stats }: { stats: Stats }) {
  const cells: { phase: Phase; big: number; under: string }[] = (['spec', 'build', 'review'] as const).map((phase) => {
    const found = stats.phases[phase];
    return { phase, big: found?.items ?? 0, under: states(found) };
  });
  const waiting = stats.phases.awaiting_human?.items ?? 0;
  const blocked = stats.phases.blocked?.items ?? 0;
  cells.push(
    { phase: 'merged', big: stats.finished.merged_total, under: `${count(stats.finished.merged_today)} today` },
    { phase: 'awaiting_human', big: waiting, under: waiting === 1 ? 'waits for an answer' : waiting ? 'wait for an answer' : 'nothing asked' },
    { phase: 'blocked', big: blocked, under: blocked === 1 ? 'needs a decision' : blocked ? 'need a decision' : 'nothing is stuck' },
  );
  return (
    <nav className="flow" aria-label="Items by phase">
      {cells.map((cell) => (
        <a
          key={cell.phase}
          className={`flow-cell ph-${cell.phase}${cell.big ? '' : ' none'}`}
          href={hashOf('items', { phase: cell.phase, sort: cell.phase === 'merged' ? '-finished' : null })}
        >
          <span className="flow-name">{PHASE_NAMES[cell.phase]}</span>
          <span className="flow-big">{count(cell.big)}</span>
          <span className="flow-under">{cell.under}</span>
        </a>
      ))}
    </nav>
  );
}

function states(found: Stats['phases'][string] | undefined): string {
  if (!found?.items) return 'empty';
  const told = [
    found.running ? `${found.running} running` : '',
    found.ready ? `${count(found.ready)} queued` : '',
    found.failing ? `${count(found.failing)} failing` : '',
    found.gated ? `${count(found.gated)} gated` : '',
    found.paused ? `${count(found.paused)} paused` : '',
  ].filter(Boolean);
  if (found.oldest_seconds && found.oldest_seconds > 60) told.push(`oldest ${about(found.oldest_seconds)}`);
  return told.slice(0, 2).join(' · ');
}

function Throughput({ stats }: { stats: Stats }) {
  const columns = useMemo(() => {
    const by = new Map(stats.finished.by_day.map((one) => [one.day, one]));
    return lastDays(DAYS, new Date(stats.time)).map((day) => ({
      day,
      parts: [{ name: 'merged', value: by.get(day)?.merged ?? 0, tone: 'var(--ph-merged)' }],
    }));
  }, [stats.finished.by_day, stats.time]);
  const sum = columns.reduce((total, one) => total + (one.parts[0]?.value ?? 0), 0);
  return (
    <section className="panel" aria-labelledby="throughput">
      <div className="panel-head">
        <h2 id="throughput">Merged</h2>
        <span className="faint">{plural(sum, 'story', 'stories')} in 30 days</span>
      </div>
      <Columns columns={columns} label={`${sum} stories merged in 30 days`} show={(value) => count(value)} told={(part) => `${count(part.value)} ${part.name}`} least={4} />
    </section>
  );
}

function Spend({ stats }: { stats: Stats }) {
  const { columns, names, sum } = useMemo(() => {
    const totals = new Map<string, number>();
    for (const one of stats.spend.by_day) totals.set(one.project, (totals.get(one.project) ?? 0) + Number(one.usd));
    const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
    const shown = names.slice(0, TONES.length - 1);
    const by = new Map<string, Map<string, number>>();
    for (const one of stats.spend.by_day) {
      const name = shown.includes(one.project) ? one.project : 'others';
      const day = by.get(one.day) ?? new Map<string, number>();
      day.set(name, (day.get(name) ?? 0) + Number(one.usd));
      by.set(one.day, day);
    }
    const legend = names.length > shown.length ? [...shown, 'others'] : shown;
    const columns = lastDays(DAYS, new Date(stats.time)).map((day) => ({
      day,
      parts: legend.map((name, place) => ({ name, value: by.get(day)?.get(name) ?? 0, tone: TONES[place] ?? 'gray' })),
    }));
    return { columns, names: legend, sum: [...totals.values()].reduce((total, one) => total + one, 0) };
  }, [stats.spend.by_day, stats.time]);
  return (
    <section className="panel" aria-labelledby="spend">
      <div className="panel-head">
        <h2 id="spend">Spend</h2>
        <span className="faint">
          {usd(sum)} in 30 days
          {stats.spend.unmeasured_total ? ` · ${plural(stats.spend.unmeasured_total, 'call')} unmeasured` : ''}
        </span>
        <ul className="legend">
          {names.map((name, place) => (
            <li key={name}>
              <i style={{ background: TONES[place] }} aria-hidden="true" />
              {name === 'others' ? name : <a href={hashOf('items', { project: name })}>{name}</a>}
            </li>
          ))}
        </ul>
      </div>
      {stats.spend.budgets.length ? (
        <ul className="lines" aria-label="Budgets">
          {stats.spend.budgets.map((one) => (
            <li key={`${one.project ?? ''} ${one.budget}`}>
              {one.project ?? 'All projects'}, this {one.budget}: {usd(one.spent_usd)} of {usd(one.budget_usd)} spent
              {Number(one.reserved_usd) ? `, ${usd(one.reserved_usd)} reserved` : ''}
            </li>
          ))}
        </ul>
      ) : null}
      <Columns columns={columns} label={`${usd(sum)} spent in 30 days`} show={(value) => usd(value)} />
    </section>
  );
}

function Workers({ stats }: { stats: Stats }) {
  return (
    <section className="panel" aria-labelledby="workers">
      <div className="panel-head">
        <h2 id="workers">At work now</h2>
        <span className="faint">{stats.slots.free ? `${plural(stats.slots.free, 'slot')} free` : 'all slots taken'}</span>
      </div>
      {stats.workers.length === 0 ? (
        <Empty icon="clock" title="Nobody works right now">
          Workers claim the next item by themselves as soon as one is ready.
        </Empty>
      ) : (
        <ul className="lines">
          {stats.workers.map((one) => (
            <li key={one.slot}>
              <a href={itemHash(one.item_id, 'runs')} className="line-row">
                <span className="line-main">
                  <span className="line-title"><Said text={one.title} /></span>
                  <span className="line-sub">{one.project} · {one.worker}{one.stale ? ' · its worker is silent' : ''}</span>
                </span>
                <PhasePill phase={one.phase} doing={one.merging ? 'merging' : 'running'} />
                <Attempts used={one.attempts} budget={one.budget_cycles} />
                <span className="num faint took">{span(one.age_seconds)}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const NO_ISSUES: never[] = [];

function Waits({ stats }: { stats: Stats }) {
  const found = useIssues();
  const { rows, hold } = useSteady(found.data?.issues ?? NO_ISSUES, 'waits');
  return (
    <section className="panel" aria-labelledby="waits" {...hold}>
      <div className="panel-head">
        <h2 id="waits"><a href={hashOf('inbox')}>Waits for you</a></h2>
        <span className="faint">
          {stats.issues.open ? `${count(stats.issues.open)} open · oldest ${about(stats.issues.oldest_seconds)}` : ''}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty title="Nothing waits for you">Questions and blocked items come to the inbox.</Empty>
      ) : (
        <ul className="lines">
          {rows.slice(0, 5).map((issue) => (
            <li key={issue.id}>
              <a href={hashOf('inbox', { issue: issue.id })} className="line-row">
                <span className={`kind kind-${issue.kind}`}>{issue.kind}</span>
                <span className="line-main">
                  <span className="line-title"><Said text={issue.title} /></span>
                  <span className="line-sub">
                    {issue.project ?? 'The installation'}{issue.item_title ? <> · <Said text={issue.item_title} /></> : null}
                  </span>
                </span>
                <span className="num faint"><Ago at={issue.opened_at} /></span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const NO_ROWS: ItemRow[] = [];
const FAILING = { project: null, phase: [], text: '', failing: true, sort: '-attempts' };

function Struggling({ stats }: { stats: Stats }) {
  const found = useItems(FAILING, null, 6);
  const { rows, hold } = useSteady(found.data?.items ?? NO_ROWS, 'struggling');
  const all = Object.values(stats.phases).reduce((sum, one) => sum + one.failing, 0);
  return (
    <section className="panel" aria-labelledby="struggling" {...hold}>
      <div className="panel-head">
        <h2 id="struggling"><a href={hashOf('items', { failing: 'true', sort: '-attempts' })}>Stuck and failing</a></h2>
        <span className="faint">{all ? `${plural(all, 'item')}, most attempts first` : ''}</span>
      </div>
      {rows.length === 0 ? (
        <Empty title="Nothing is stuck">No item is blocked, and the last run of each has passed.</Empty>
      ) : (
        <ul className="lines">
          {rows.map((row) => (
            <li key={row.id}>
              <a href={itemHash(row.id)} className="line-row">
                <span className="line-main">
                  <span className="line-title"><Said text={row.title} /></span>
                  <span className="line-sub">{row.project}{row.issue_title ? <> · <Said text={row.issue_title} /></> : null}</span>
                </span>
                <PhasePill phase={row.phase} doing={doing(row)} />
                <Attempts used={row.attempts} budget={row.budget_cycles} />
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Happened() {
  const found = useLately(40);
  return (
    <section className="panel" aria-labelledby="happened">
      <div className="panel-head">
        <h2 id="happened">Lately</h2>
      </div>
      {found.isPending ? <Waiting /> : <Lately first={found.data ?? NO_EVENTS} most={8} />}
    </section>
  );
}

const NO_EVENTS: never[] = [];
const OPEN = ['spec', 'build', 'review', 'awaiting_human', 'blocked'] as const;

function Projects({ stats }: { stats: Stats }) {
  return (
    <section className="panel" aria-labelledby="projects">
      <div className="panel-head">
        <h2 id="projects">Projects</h2>
        <span className="faint">merged and spent in 30 days</span>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-labelledby="projects">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Project</th>
              {OPEN.map((phase) => <th key={phase} scope="col" className="num">{PHASE_NAMES[phase]}</th>)}
              <th scope="col" className="num">Merged</th>
              <th scope="col" className="num">Spent</th>
            </tr>
          </thead>
          <tbody>
            {stats.projects.map((project) => (
              <tr key={project.name}>
                <th scope="row">
                  <a href={hashOf('items', { project: project.name })}>{project.name}</a>
                  {project.paused ? <span className="tag" title={project.paused_reason ?? undefined}>paused</span> : null}
                </th>
                {OPEN.map((phase) => (
                  <td key={phase} className="num">
                    {project.open[phase] ? (
                      <a href={hashOf('items', { project: project.name, phase })}>{count(project.open[phase])}</a>
                    ) : (
                      <span className="faint">·</span>
                    )}
                  </td>
                ))}
                <td className="num">{count(project.merged_30d)}</td>
                <td className="num">{usd(project.usd_30d)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
