import { DataGrid, type GridColDef, type GridRowSelectionModel, type GridSortModel } from '@mui/x-data-grid';
import { useCallback, useMemo } from 'react';
import type { ItemRow } from '../api/client';
import { doing } from '../api/queries';
import type { Steady } from '../lists/steady';
import { Attempts, PhasePill } from '../parts/phase';
import { Ago, Away, Said } from '../parts/text';
import { amend, go, itemHash } from '../route';
import { usd } from '../text/format';
import type { View } from './view';

const MOST_SELECTED = 200;

export type Table = {
  list: Steady<ItemRow>;
  page: number;
  size: number;
  more: boolean;
  turn: (page: number) => void;
  busy: boolean;
  view: View;
};

/** A hash cannot name thousands of items. */
export function keepsSelection(ids: number[]): boolean {
  return ids.length <= MOST_SELECTED;
}

const COLUMNS: GridColDef<ItemRow>[] = [
  {
    field: 'id',
    headerName: '#',
    width: 72,
    sortingOrder: ['desc', 'asc'],
    renderCell: ({ row }) => <span className="num faint">{row.id}</span>,
  },
  {
    field: 'title',
    headerName: 'Story',
    flex: 1,
    minWidth: 240,
    sortable: false,
    renderCell: ({ row }) => (
      <span className="cell-title">
        <a href={itemHash(row.id)} tabIndex={-1}>
          <Said text={row.title} />
        </a>
        <small>{row.project}</small>
      </span>
    ),
  },
  {
    field: 'phase',
    headerName: 'Phase',
    width: 190,
    sortable: false,
    renderCell: ({ row }) => <PhasePill phase={row.phase} doing={doing(row)} />,
  },
  {
    field: 'attempts',
    headerName: 'Attempts',
    width: 96,
    sortingOrder: ['desc', null],
    renderCell: ({ row }) => <Attempts used={row.attempts} budget={row.budget_cycles} />,
  },
  {
    field: 'priority',
    headerName: 'Priority',
    width: 84,
    align: 'right',
    headerAlign: 'right',
    sortingOrder: ['asc', null],
    renderCell: ({ row }) => <span className="num">{row.priority}</span>,
  },
  {
    field: 'spent_usd',
    headerName: 'Spent',
    width: 84,
    align: 'right',
    headerAlign: 'right',
    sortable: false,
    renderCell: ({ row }) => <span className="num">{usd(row.spent_usd)}</span>,
  },
  {
    field: 'pr_number',
    headerName: 'PR',
    width: 74,
    sortable: false,
    renderCell: ({ row }) => (row.pr_number === null ? null : <Away href={row.pr_url}>#{row.pr_number}</Away>),
  },
  {
    field: 'finished_at',
    headerName: 'Age',
    width: 84,
    align: 'right',
    headerAlign: 'right',
    sortingOrder: ['desc', 'asc', null],
    description: 'Since it was handed in; final ones: since they came to their end',
    renderCell: ({ row }) => (
      <span className="num faint">
        <Ago at={row.finished_at ?? row.created_at} />
      </span>
    ),
  },
];

const FIELDS: Record<string, { field: string; sort: 'asc' | 'desc' }> = {
  '-id': { field: 'id', sort: 'desc' },
  id: { field: 'id', sort: 'asc' },
  priority: { field: 'priority', sort: 'asc' },
  '-attempts': { field: 'attempts', sort: 'desc' },
  '-finished': { field: 'finished_at', sort: 'desc' },
  finished: { field: 'finished_at', sort: 'asc' },
};

function sortName(model: GridSortModel): string | null {
  const wanted = model[0];
  if (!wanted) return null;
  const found = Object.entries(FIELDS).find(([, one]) => one.field === wanted.field && one.sort === wanted.sort);
  return found?.[0] === '-id' ? null : (found?.[0] ?? null);
}

/** The list as a table; the server filters, sorts and pages. */
export function ItemsGrid({ list, page, size, more, turn, busy, view }: Table) {
  const selection = useMemo<GridRowSelectionModel>(
    () => ({ type: 'include', ids: new Set(view.selected) }),
    [view.selected],
  );
  const sortModel = useMemo<GridSortModel>(() => {
    const found = FIELDS[view.sort];
    return found ? [found] : [];
  }, [view.sort]);
  const select = useCallback(
    (model: GridRowSelectionModel) => {
      const here = new Set(list.rows.map((row) => row.id));
      const chosen =
        model.type === 'include'
          ? [...model.ids].map(Number)
          : [...here].filter((id) => !model.ids.has(id));
      amend({ sel: chosen.slice(0, MOST_SELECTED).join(',') || null }, { replace: true });
    },
    [list.rows],
  );
  return (
    <DataGrid<ItemRow>
      className="grid"
      aria-label="Items"
      rows={list.rows}
      columns={COLUMNS}
      rowHeight={46}
      columnHeaderHeight={38}
      density="standard"
      checkboxSelection
      disableRowSelectionOnClick
      disableRowSelectionExcludeModel
      disableColumnMenu
      hideFooterSelectedRowCount
      disableColumnFilter
      keepNonExistentRowsSelected
      rowSelectionModel={selection}
      onRowSelectionModelChange={select}
      sortingMode="server"
      filterMode="server"
      paginationMode="server"
      sortModel={sortModel}
      onSortModelChange={(model) => amend({ sort: sortName(model) })}
      pageSizeOptions={[size]}
      paginationModel={{ page, pageSize: size }}
      onPaginationModelChange={(model) => turn(model.page)}
      rowCount={more ? -1 : page * size + list.rows.length}
      paginationMeta={{ hasNextPage: more }}
      loading={busy}
      onRowClick={({ row }) => go(itemHash(row.id))}
      onCellKeyDown={({ row, field }, event) => {
        if (event.key === 'Enter' && field !== '__check__' && !event.ctrlKey) {
          event.preventDefault();
          go(itemHash(row.id));
        }
      }}
      getRowClassName={({ row }) =>
        `${list.gone.has(row.id) ? 'gone' : ''}${row.phase === 'cancelled' ? ' dim' : ''}`
      }
      slotProps={{ loadingOverlay: { variant: 'linear-progress', noRowsVariant: 'skeleton' } }}
    />
  );
}
