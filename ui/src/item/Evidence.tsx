import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Failure, get, type ItemDetail, type Schemas } from '../api/client';
import { Trouble, Waiting } from '../parts/states';
import { Said } from '../parts/text';

const MOST_TESTS = 500;

/** What the merge stands on, in the words that every door has, and test by test when asked. */
export function Evidence({ summary, id }: { summary: NonNullable<ItemDetail['evidence']>; id: number }) {
  const [open, setOpen] = useState(false);
  return (
    <section className="evidence" aria-label="Evidence">
      <h3>
        Evidence
        {summary.merged ? null : <span className="faint">not merged</span>}
      </h3>
      <ul className="plain">
        {summary.lines.map((line) => <li key={line}><Said text={line} /></li>)}
      </ul>
      {summary.command ? (
        <p className="faint">
          <code><Said text={summary.command.join(' ')} /></code>
          {summary.base_sha ? ` on base ${summary.base_sha.slice(0, 12)}` : null}
        </p>
      ) : null}
      {summary.kind === 'report' ? (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>Test by test</summary>
          {open ? <Tests id={id} run={summary.run_id} /> : null}
        </details>
      ) : null}
    </section>
  );
}

function Tests({ id, run }: { id: number; run: number }) {
  const found = useQuery<Schemas['Evidence'], Failure>({
    queryKey: ['evidence', id, run],
    staleTime: 60_000,
    queryFn: ({ signal }) => get(`/v1/items/${id}/evidence`, {}, signal),
  });
  if (found.isPending) return <Waiting lines={4} />;
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  const { tests, tests_left_out: left } = found.data;
  const more = left + Math.max(0, tests.length - MOST_TESTS);
  return (
    <div className="tests" tabIndex={0} role="region" aria-label="Tests">
      <table>
        <thead><tr><th scope="col">Test</th><th scope="col">Base</th><th scope="col">Merged</th></tr></thead>
        <tbody>
          {tests.slice(0, MOST_TESTS).map(([name, before, after]) => (
            <tr key={name}>
              <td><Said text={name} /></td>
              <td className={`outcome-${before ?? 'none'}`}>{before ?? 'not there'}</td>
              <td className={`outcome-${after ?? 'none'}`}>{after ?? 'not there'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more ? <p className="faint">and {more} more</p> : null}
    </div>
  );
}
