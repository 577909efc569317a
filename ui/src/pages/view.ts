import { PHASES } from '../parts/phase';
import type { ItemFilter } from '../api/queries';

/** What the hash says about the list: filter, order, grouping, selection. */
export type View = ItemFilter & { grouped: boolean; selected: number[] };

export const SORTS = ['-id', 'id', 'queue', '-finished', 'finished', 'priority', '-attempts'] as const;

/** Read the list's part of the query; what is not known is left out. */
export function readView(query: URLSearchParams): View {
  const phases = (query.get('phase') ?? '').split(',').filter((one) => (PHASES as string[]).includes(one));
  const sort = query.get('sort') ?? '';
  return {
    project: query.get('project'),
    phase: phases,
    text: query.get('text') ?? '',
    failing: query.get('failing') === 'true',
    sort: (SORTS as readonly string[]).includes(sort) ? sort : '-id',
    grouped: query.get('group') === 'project',
    selected: (query.get('sel') ?? '').split(',').map(Number).filter((id) => Number.isSafeInteger(id) && id > 0),
  };
}
