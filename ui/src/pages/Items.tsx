import useMediaQuery from '@mui/material/useMediaQuery';
import { useEffect, useMemo, useState } from 'react';
import { keepsSelection, ItemsGrid } from './ItemsGrid';
import { ItemsGroups } from './ItemsGroups';
import { ItemsLines } from './ItemsLines';
import { ItemsTools } from './ItemsTools';
import { BulkBar } from './BulkBar';
import { readView } from './view';
import type { ItemRow } from '../api/client';
import { useItems } from '../api/queries';
import { useSteady } from '../lists/useSteady';
import { Empty, Trouble, Waiting } from '../parts/states';
import { amend, useRoute } from '../route';

const PAGE = 100;
const NONE: ItemRow[] = [];

export default function Items() {
  const { query } = useRoute();
  const view = useMemo(() => readView(query), [query]);
  const narrow = useMediaQuery('(max-width: 760px)');
  const filter = useMemo(
    () => ({ project: view.project, phase: view.phase, text: view.text, failing: view.failing, sort: view.sort }),
    [view.project, view.phase, view.text, view.failing, view.sort],
  );
  const scope = JSON.stringify(filter);
  const [turned, setTurned] = useState<{ scope: string; cursors: string[] }>({ scope, cursors: [] });
  const cursors = turned.scope === scope ? turned.cursors : [];
  const found = useItems(filter, cursors.at(-1) ?? null, PAGE, !view.grouped);
  const list = useSteady(found.data?.items ?? NONE, `${scope}${cursors.length}${found.isPlaceholderData}`);
  const filtered = view.project !== null || view.phase.length > 0 || view.text !== '' || view.failing;
  useEffect(() => {
    if (!keepsSelection(view.selected)) amend({ sel: null }, { replace: true });
  }, [view.selected]);

  const turn = (page: number): void => {
    const next = found.data?.next_cursor;
    if (page < cursors.length) setTurned({ scope, cursors: cursors.slice(0, page) });
    else if (page > cursors.length && next) setTurned({ scope, cursors: [...cursors, next] });
  };
  const table = {
    list,
    page: cursors.length,
    size: PAGE,
    more: Boolean(found.data?.next_cursor),
    turn,
    busy: found.isPlaceholderData,
    view,
  };
  return (
    <>
      <div className="page-head">
        <h1>Items</h1>
      </div>
      <ItemsTools view={view} />
      {view.selected.length > 0 ? <BulkBar ids={view.selected} rows={list.rows} /> : null}
      <div className="items" {...list.hold}>
        {list.arrived > 0 && !view.grouped ? (
          <button type="button" className="arrived" onClick={list.settle}>
            {list.arrived} new · show
          </button>
        ) : null}
        {view.grouped ? (
          <ItemsGroups filter={filter} />
        ) : found.isPending ? (
          <Waiting lines={14} />
        ) : found.isError && !found.data ? (
          <Trouble error={found.error} again={() => void found.refetch()} />
        ) : list.rows.length === 0 && cursors.length === 0 ? (
          filtered || view.sort !== '-id' ? (
            <Empty icon="search" title="Nothing matches">
              No item is like that now. <a href="#/items">Show all items</a>
            </Empty>
          ) : (
            <Empty icon="items" title="No stories yet">
              Hand one in where Damascus runs: <code>damascus ingest --project NAME story.md</code>
            </Empty>
          )
        ) : narrow ? (
          <ItemsLines {...table} />
        ) : (
          <ItemsGrid {...table} />
        )}
      </div>
    </>
  );
}
