import { useQuery } from '@tanstack/react-query';
import { memo } from 'react';
import { Failure, getText, type Item } from '../api/client';
import { Empty, Trouble, Waiting } from '../parts/states';
import { clean } from '../text/safe';

const MOST_LINES = 4000;

/** What the item's branch changes. */
export function Diff({ item }: { item: Item }) {
  const found = useQuery<string | null, Failure>({
    queryKey: ['diff', item.id, item.head_sha, item.phase === 'merged'],
    enabled: item.head_sha !== null,
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      try {
        return await getText(`/v1/items/${item.id}/diff`, signal);
      } catch (error) {
        if (error instanceof Failure && error.status === 404) return null;
        throw error;
      }
    },
  });
  if (item.head_sha === null) return <Empty icon="clock" title="Nothing is built yet" />;
  if (found.isPending) return <Waiting lines={8} />;
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Empty icon="items" title="No diff to show">Its commits are not at the forge (any more).</Empty>;
  return <Lines text={found.data} />;
}

const Lines = memo(function Lines({ text }: { text: string }) {
  const lines = clean(text).trimEnd().split('\n');
  return (
    <pre className="output diff" tabIndex={0} role="region" aria-label="Diff">
      {lines.slice(0, MOST_LINES).map((line, place) => <span key={place} className={toneOf(line)}>{line || ' '}</span>)}
      {lines.length > MOST_LINES ? <span className="diff-file">… {lines.length - MOST_LINES} more lines</span> : null}
    </pre>
  );
});

function toneOf(line: string): string {
  if (/^(diff --git|index |--- |\+\+\+ |new file|deleted file|similarity|rename )/.test(line)) return 'diff-file';
  if (line.startsWith('@@')) return 'diff-place';
  if (line.startsWith('+')) return 'diff-in';
  return line.startsWith('-') ? 'diff-out' : 'diff-same';
}
