import type { ItemDetail } from '../api/client';
import { AnswerBox } from '../parts/AnswerBox';
import { Icon } from '../parts/Icon';
import { PHASE_NAMES } from '../parts/phase';
import { Ago, Said } from '../parts/text';
import { itemHash } from '../route';
import { moment } from '../text/format';
import { lastLines } from '../text/safe';
import { IssueText } from '../pages/Inbox';
import { Evidence } from './Evidence';
import { outputOf } from './output';

export function Overview({ detail }: { detail: ItemDetail }) {
  const { item, issues, gates } = detail;
  const open = issues.filter((one) => one.closed_at === null);
  const closed = issues.filter((one) => one.closed_at !== null);
  return (
    <div className="overview">
      <FailureCard detail={detail} />
      {open.map((issue) => (
        <section key={issue.id} className={`ask ask-${issue.kind}`} aria-label={issue.kind === 'question' ? 'A question for you' : 'A decision for you'}>
          <h3>
            <Icon name={issue.kind === 'question' ? 'question' : 'warn'} />
            {issue.kind === 'question' ? 'A question for you' : issue.kind === 'blocked' ? 'Your decision' : <Said text={issue.title} />}
            <span className="faint"><Ago at={issue.opened_at} suffix=" ago" /></span>
          </h3>
          {issue.kind === 'blocked' ? null : <IssueText issue={issue} />}
          <AnswerBox issue={issue} />
        </section>
      ))}
      {gates.length > 0 ? (
        <section>
          <h3>Waits for</h3>
          <ul className="plain">
            {gates.map((gate) => (
              <li key={gate.id}>
                {gate.kind === 'after_item' && gate.after_item !== null ? (
                  <a href={itemHash(gate.after_item)}>
                    <Said text={`${gate.after_project ?? ''} / ${gate.after_key ?? gate.after_item}`} />
                    {gate.after_phase ? ` (${PHASE_NAMES[gate.after_phase].toLowerCase()})` : ''}
                  </a>
                ) : gate.kind === 'not_before' ? (
                  `not before ${moment(gate.not_before)}`
                ) : (
                  'a person to open the gate'
                )}
                {gate.note ? <span className="faint"> · <Said text={gate.note} /></span> : null}
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {detail.evidence ? <Evidence summary={detail.evidence} id={item.id} /> : null}
      <section>
        <h3>Story</h3>
        <div className="prose"><Said text={item.story} links /></div>
      </section>
      {closed.length > 0 ? (
        <section>
          <h3>Asked and answered</h3>
          {closed.map((issue) => (
            <div key={issue.id} className="closed">
              <p><strong><Said text={issue.title} /></strong></p>
              {issue.questions.length > 0 ? <IssueText issue={issue} /> : null}
              <p className="reply">
                <span className="faint">{issue.closed_by} · <Ago at={issue.closed_at} suffix=" ago" /> · {issue.choice}</span>
                {issue.answer ? <span><Said text={issue.answer} links /></span> : null}
              </p>
            </div>
          ))}
        </section>
      ) : null}
    </div>
  );
}

/** Why it stands still, the last lines of what was printed, and what happens next. */
function FailureCard({ detail }: { detail: ItemDetail }) {
  const { item, runs, issues } = detail;
  const last = runs.find((one) => one.verdict !== null);
  const open = issues.find((one) => one.closed_at === null && one.kind === 'blocked');
  const failed = last !== undefined && last.verdict !== 'pass' && last.verdict !== 'spec_ambiguous';
  if (item.phase === 'merged' || item.phase === 'cancelled' || (!failed && item.phase !== 'blocked')) return null;
  const output = last ? outputOf(last) : null;
  const left = Math.max(0, item.budget_cycles - item.attempts);
  const next =
    item.phase === 'blocked'
      ? 'It stands still until you decide, below.'
      : item.not_before
        ? `It tries again by itself at ${moment(item.not_before)}.`
        : item.claimed_by
          ? 'It is being tried again right now.'
          : item.project_paused
            ? 'Its project is paused: it goes on when that is resumed.'
            : `It goes again by itself in ${PHASE_NAMES[item.phase].toLowerCase()}; ${left === 1 ? '1 attempt is' : `${left} attempts are`} left.`;
  return (
    <section className={`failure${item.phase === 'blocked' ? ' failure-blocked' : ''}`} aria-label="What went wrong">
      <h3><Icon name="warn" /> <Said text={open?.title ?? (last ? `${PHASE_NAMES[last.phase]} did not pass` : 'Blocked')} /></h3>
      {last ? <p className="failure-why"><Said text={last.summary || `The verdict was ${last.verdict ?? 'none'}.`} links /></p> : null}
      {output ? <pre className="output" tabIndex={0} role="region" aria-label="The last lines">{lastLines(output, 12)}</pre> : null}
      <p className="failure-next"><strong>Next</strong> {next}{last ? <> <a href={itemHash(item.id, 'runs')}>The whole run</a></> : null}</p>
    </section>
  );
}
