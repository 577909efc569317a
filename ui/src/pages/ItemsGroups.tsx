import { useMemo } from 'react';
import type { Phase, Schemas } from '../api/client';
import { useGroups, type ItemFilter } from '../api/queries';
import { useSteady } from '../lists/useSteady';
import { PHASE_NAMES } from '../parts/phase';
import { Empty, Trouble, Waiting } from '../parts/states';
import { amend, hashOf } from '../route';
import { count } from '../text/format';
import { ItemLine } from './ItemsLines';

const FIRST = 8;

/** The first items of every project, and how many there are in each phase. */
export function ItemsGroups({ filter }: { filter: ItemFilter }) {
  const found = useGroups(filter, FIRST);
  const groups = useMemo(() => found.data?.groups.filter((one) => one.items.length > 0) ?? [], [found.data]);
  if (found.isPending) return <Waiting lines={14} />;
  if (!found.data) return found.error ? <Trouble error={found.error} again={() => void found.refetch()} /> : null;
  if (groups.length === 0) return <Empty icon="search" title="Nothing matches">No project has an item like that now.</Empty>;
  return (
    <>
      {groups.map((group) => <Group key={group.project} group={group} scope={JSON.stringify(filter)} />)}
    </>
  );
}

function Group({ group, scope }: { group: Schemas['ItemGroup']; scope: string }) {
  const list = useSteady(group.items, scope);
  const counts = Object.entries(group.open).filter(([, number]) => number > 0);
  return (
    <section className="panel group" aria-labelledby={`group-${group.project}`} {...list.hold}>
      <div className="panel-head">
        <h2 id={`group-${group.project}`}>
          <a href={hashOf('items', { project: group.project })}>{group.project}</a>
        </h2>
        {group.paused ? <span className="tag">paused</span> : null}
        <span className="counts">
          {counts.map(([phase, number]) => (
            <a key={phase} className={`count ph-${phase}`} href={hashOf('items', { project: group.project, phase })}>
              {count(number)} {PHASE_NAMES[phase as Phase].toLowerCase()}
            </a>
          ))}
        </span>
      </div>
      <ul className="lines">
        {list.rows.map((row) => (
          <li key={row.id} className={list.gone.has(row.id) ? 'gone' : ''}><ItemLine row={row} /></li>
        ))}
      </ul>
      {group.more ? (
        <button type="button" className="more" onClick={() => amend({ project: group.project, group: null })}>
          All of {group.project}
        </button>
      ) : null}
    </section>
  );
}
