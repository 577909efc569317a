import Button from '@mui/material/Button';
import useMediaQuery from '@mui/material/useMediaQuery';
import { useCallback, useEffect, useRef } from 'react';
import type { Issue } from '../api/client';
import { useIssues } from '../api/queries';
import { useSteady } from '../lists/useSteady';
import { AnswerBox } from '../parts/AnswerBox';
import { Icon } from '../parts/Icon';
import { PHASE_NAMES } from '../parts/phase';
import { isWriting } from '../parts/Shell';
import { Empty, Trouble, Waiting } from '../parts/states';
import { Ago, Said } from '../parts/text';
import { amend, itemHash, useRoute } from '../route';
import { plural } from '../text/format';

const NONE: Issue[] = [];

/** Everything that waits for a person, oldest first; one goes through it without the mouse. */
export function Inbox() {
  const found = useIssues();
  const { query } = useRoute();
  const narrow = useMediaQuery('(max-width: 760px)');
  const list = useSteady(found.data?.issues ?? NONE, 'inbox');
  const rows = list.rows;
  const wanted = Number(query.get('issue'));
  const chosen = rows.find((one) => one.id === wanted) ?? (narrow ? undefined : rows[0]);
  const open = rows.filter((one) => !list.gone.has(one.id)).length;
  const box = useRef<HTMLDivElement>(null);

  const step = useCallback(
    (by: number) => {
      const at = rows.findIndex((one) => one.id === chosen?.id);
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
      if (next) amend({ issue: next.id }, { replace: true });
    },
    [rows, chosen?.id],
  );
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (isWriting(event) || event.ctrlKey || event.metaKey || event.altKey || query.get('item')) return;
      if (event.key === 'j' || event.key === 'ArrowDown') step(1);
      else if (event.key === 'k' || event.key === 'ArrowUp') step(-1);
      else if (event.key === 'Enter' && !(event.target instanceof HTMLElement && event.target.closest('a, button'))) {
        box.current?.querySelector<HTMLElement>('[data-answer]')?.focus();
      } else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [step, query]);
  useEffect(() => {
    document.querySelector(`[data-row="${chosen?.id ?? 0}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [chosen?.id]);

  const done = (): void => {
    const at = rows.findIndex((one) => one.id === chosen?.id);
    const next = rows.slice(at + 1).find((one) => !list.gone.has(one.id)) ?? rows.find((one) => one.id !== chosen?.id && !list.gone.has(one.id));
    amend({ issue: narrow ? null : (next?.id ?? null) }, { replace: true });
    list.settle();
    (document.activeElement as HTMLElement | null)?.blur();
  };

  if (found.isPending) return <><h1>Inbox</h1><Waiting lines={8} /></>;
  if (!found.data) return found.error ? <Trouble error={found.error} again={() => void found.refetch()} /> : null;
  return (
    <>
      <div className="page-head">
        <h1>Inbox</h1>
        <p className="faint">
          {open ? `${plural(open, 'thing')}${found.data.next_cursor ? ' and more' : ''} to decide, oldest first` : ''}
        </p>
      </div>
      {rows.length === 0 ? (
        <Empty title="Nothing waits for you">
          Questions from the spec writer, blocked items and reports come here. Damascus goes on with everything else.
        </Empty>
      ) : (
        <div className={`inbox${chosen ? ' chosen' : ''}`} {...list.hold}>
          <ul className="lines panel inbox-list" aria-label="Open issues">
            {rows.map((issue) => (
              <li key={issue.id} className={list.gone.has(issue.id) ? 'gone' : ''}>
                <button
                  type="button"
                  data-row={issue.id}
                  className="line-row"
                  aria-current={issue.id === chosen?.id ? 'true' : undefined}
                  onClick={() => amend({ issue: issue.id })}
                >
                  <span className={`kind kind-${issue.kind}`}>{issue.kind}</span>
                  <span className="line-main">
                    <span className="line-title"><Said text={issue.title} /></span>
                    <span className="line-sub">
                      {issue.project ?? 'The installation'}
                      {issue.item_title ? <> · <Said text={issue.item_title} /></> : null}
                    </span>
                  </span>
                  <span className="num faint"><Ago at={issue.opened_at} /></span>
                </button>
              </li>
            ))}
            {list.arrived > 0 ? (
              <li><button type="button" className="arrived" onClick={list.settle}>{list.arrived} new · show</button></li>
            ) : null}
          </ul>
          {chosen ? (
            <div ref={box} className="panel inbox-one">
              {narrow ? <Button className="back" onClick={() => amend({ issue: null })}>‹ All</Button> : null}
              <IssueBody key={chosen.id} issue={chosen} gone={list.gone.has(chosen.id)} onDone={done} />
            </div>
          ) : null}
        </div>
      )}
    </>
  );
}

function IssueBody({ issue, gone, onDone }: { issue: Issue; gone: boolean; onDone: () => void }) {
  return (
    <article aria-labelledby={`issue-${issue.id}`}>
      <div className="issue-meta faint">
        <span className={`kind kind-${issue.kind}`}>{issue.kind}</span>
        <span>{issue.project ?? 'The installation'}</span>
        {issue.phase ? <span>in {PHASE_NAMES[issue.phase].toLowerCase()}</span> : null}
        <span>opened <Ago at={issue.opened_at} suffix=" ago" /></span>
      </div>
      <h2 id={`issue-${issue.id}`}><Said text={issue.title} /></h2>
      {issue.item_id !== null ? (
        <a className="issue-item" href={itemHash(issue.item_id)}>
          <Icon name="items" /> <span><Said text={issue.item_title ?? `item ${issue.item_id}`} /></span> <span className="faint num">#{issue.item_id}</span>
        </a>
      ) : null}
      <IssueText issue={issue} />
      {gone ? <p className="notice">This has been answered in the meantime.</p> : <AnswerBox issue={issue} onDone={onDone} />}
    </article>
  );
}

/** What is asked or told: the questions as a list, or the text with its output. */
export function IssueText({ issue }: { issue: Issue }) {
  if (issue.questions.length > 0) {
    return (
      <ol className="questions">
        {issue.questions.map((question, place) => <li key={place}><Said text={question} links /></li>)}
      </ol>
    );
  }
  const [said, output] = split(issue.body);
  return (
    <>
      {said ? <div className="issue-text"><Said text={said} links /></div> : null}
      {output ? <pre className="output" tabIndex={0} role="region" aria-label="The end of the output"><Said text={output} /></pre> : null}
    </>
  );
}

/** A blocked item's report carries the end of the output behind this line. */
function split(body: string): [string, string | null] {
  const [said = '', ...rest] = body.split('\n\nThe end of the output:\n\n');
  return [said, rest.length > 0 ? rest.join('\n\n') : null];
}
