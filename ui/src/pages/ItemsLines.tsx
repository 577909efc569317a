import Button from '@mui/material/Button';
import type { ItemRow } from '../api/client';
import { doing } from '../api/queries';
import { Attempts, PhasePill } from '../parts/phase';
import { Ago, Said } from '../parts/text';
import { itemHash } from '../route';
import { plural } from '../text/format';
import type { Table } from './ItemsGrid';

/** The list on a small screen: one item, two lines. */
export function ItemsLines({ list, page, more, turn }: Table) {
  return (
    <>
      <ul className="lines panel">
        {list.rows.map((row) => (
          <li key={row.id} className={list.gone.has(row.id) ? 'gone' : ''}>
            <ItemLine row={row} project />
          </li>
        ))}
      </ul>
      <div className="turn">
        <Button disabled={page === 0} onClick={() => turn(page - 1)}>Newer</Button>
        <span className="faint">{plural(list.rows.length, 'item')}</span>
        <Button disabled={!more} onClick={() => turn(page + 1)}>More</Button>
      </div>
    </>
  );
}

export function ItemLine({ row, project = false }: { row: ItemRow; project?: boolean }) {
  return (
    <a href={itemHash(row.id)} className={`line-row item-line${row.phase === 'cancelled' ? ' dim' : ''}`}>
      <span className="line-main">
        <span className="line-title"><Said text={row.title} /></span>
        <span className="line-sub">
          <span className="num">#{row.id}</span>
          {project ? ` · ${row.project}` : ''}
          {row.issue_title ? <> · <Said text={row.issue_title} /></> : null}
        </span>
      </span>
      <PhasePill phase={row.phase} doing={doing(row)} />
      <Attempts used={row.attempts} budget={row.budget_cycles} />
      <span className="num faint age"><Ago at={row.finished_at ?? row.created_at} /></span>
    </a>
  );
}
