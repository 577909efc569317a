import { keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Failure, get, send } from './client';
import { isWaitedFor, wrongOf } from './waited';
import type { DamascusEvent, ItemDetail, ItemRow, Schemas, Session, Stats } from './client';

/** Read again while the page is looked at: claims, heartbeats and costs have no events. */
const PULSE = 5000;

export function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: 'always',
        staleTime: 1000,
        retry: (failed, error) => failed < 2 && error instanceof Failure && error.passing,
        retryDelay: (failed) => 500 * 2 ** failed,
      },
      mutations: { networkMode: 'always' },
    },
  });
}

/** Who is signed in; null when nobody is. */
export function useSession(enabled = true) {
  return useQuery<Session | null, Failure>({
    queryKey: ['session'],
    enabled,
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      try {
        return await get<Session>('/v1/session', {}, signal);
      } catch (error) {
        if (error instanceof Failure && error.status === 401) return null;
        throw error;
      }
    },
  });
}

export function useMay(scope: 'read' | 'ingest' | 'operate'): boolean {
  return useSession().data?.scopes.includes(scope) ?? false;
}

export function useStats() {
  return useQuery<Stats, Failure>({
    queryKey: ['stats'],
    queryFn: ({ signal }) => get('/v1/stats', {}, signal),
    refetchInterval: PULSE,
    placeholderData: keepPreviousData,
  });
}

export type ItemFilter = {
  project: string | null;
  phase: readonly string[];
  text: string;
  failing: boolean;
  sort: string;
};

/** The filter as the API's query. */
function asked(filter: ItemFilter) {
  return { ...filter, failing: filter.failing ? 'true' : null };
}

export function useItems(filter: ItemFilter, cursor: string | null, limit: number, enabled = true) {
  return useQuery<Schemas['ItemPage'], Failure>({
    queryKey: ['items', 'page', filter, cursor, limit],
    queryFn: ({ signal }) => get('/v1/items', { ...asked(filter), cursor, limit }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: PULSE,
    enabled,
  });
}

export function useGroups(filter: ItemFilter, limit: number, enabled = true) {
  return useQuery<Schemas['ItemGroups'], Failure>({
    queryKey: ['items', 'groups', filter, limit],
    queryFn: ({ signal }) => get('/v1/items', { ...asked(filter), limit, group_by: 'project' }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: PULSE,
    enabled,
  });
}

export function useItem(id: number) {
  return useQuery<ItemDetail, Failure>({
    queryKey: ['item', id],
    queryFn: ({ signal }) => get(`/v1/items/${id}`, {}, signal),
    refetchInterval: (query) => (query.state.data?.item.claimed_by ? 3000 : 15_000),
  });
}

export function useIssues(limit = 100) {
  return useQuery<Schemas['IssuePage'], Failure>({
    queryKey: ['issues', limit],
    queryFn: ({ signal }) => get('/v1/issues', { limit }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

export function useProjects() {
  return useQuery<Schemas['Projects'], Failure>({
    queryKey: ['projects'],
    queryFn: ({ signal }) => get('/v1/projects', {}, signal),
    staleTime: 30_000,
  });
}

export function useLately(limit: number) {
  return useQuery<DamascusEvent[], Failure>({
    queryKey: ['lately', limit],
    queryFn: async ({ signal }) => {
      const page = await get<Schemas['EventPage']>('/v1/events', { limit }, signal);
      return page.events.toReversed();
    },
  });
}

export type Act =
  | { do: 'retry'; id: number; body: Schemas['RetryRequest'] }
  | { do: 'cancel'; id: number; body: Schemas['CancelRequest'] }
  | { do: 'change'; id: number; body: Schemas['ChangeRequest'] }
  | { do: 'answer'; id: number; body: Schemas['AnswerRequest'] }
  | { do: 'pause'; name: string; body: Schemas['PauseRequest'] }
  | { do: 'resume'; name: string };

function perform(act: Act): Promise<unknown> {
  switch (act.do) {
    case 'retry':
    case 'cancel':
      return send('POST', `/v1/items/${act.id}/${act.do}`, act.body);
    case 'change':
      return send('PATCH', `/v1/items/${act.id}`, act.body);
    case 'answer':
      return send('POST', `/v1/issues/${act.id}/answer`, act.body);
    case 'pause':
      return send('POST', `/v1/projects/${encodeURIComponent(act.name)}/pause`, act.body);
    case 'resume':
      return send('POST', `/v1/projects/${encodeURIComponent(act.name)}/resume`);
  }
}

/**
 * What a person does. Everything it may have touched is read again; only then `done` is called, even
 * when what asked for it is gone from the page by then, as the buttons of an item that is final are.
 */
export function useAct() {
  const client = useQueryClient();
  const { mutateAsync, isPending, error } = useMutation<unknown, Failure, Act>({
    mutationFn: perform,
    onSettled: () =>
      Promise.all(
        ['item', 'items', 'stats', 'issues', 'projects'].map((key) =>
          client.invalidateQueries({ queryKey: [key] }),
        ),
      ),
  });
  const act = (what: Act, done: () => void): void => void mutateAsync(what).then(done, () => undefined);
  return { act, isPending, error };
}

export type Many = { done: number; failed: { id: number | string; why: string; waited: boolean }[] };

/** The same act on many, a few at a time; tells of each that did not work. */
export async function performAll(acts: Act[]): Promise<Many> {
  const left = [...acts];
  const found: Many = { done: 0, failed: [] };
  const work = async (): Promise<void> => {
    for (let act = left.shift(); act; act = left.shift()) {
      try {
        await perform(act);
        found.done += 1;
      } catch (error) {
        const failure = error instanceof Failure ? error : new Failure(0, 'failed', String(error));
        const why = wrongOf(failure) ?? '';
        found.failed.push({ id: 'id' in act ? act.id : act.name, why, waited: isWaitedFor(failure) });
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return found;
}

const LIVE = ['spec', 'build', 'review'];

/** Whether the last run of an item at work did not pass: that leads to where it began, or back. */
function failed(row: Pick<ItemRow, 'phase' | 'phase_before'>): boolean {
  return row.phase_before !== null && LIVE.indexOf(row.phase_before) >= LIVE.indexOf(row.phase);
}

/** What an item is doing, in a word or two behind its phase. */
export function doing(row: Pick<ItemRow, 'phase' | 'phase_before' | 'claimed_by' | 'merging' | 'not_before' | 'closed_gates' | 'project_paused'>): string | null {
  if (row.merging) return 'merging';
  if (row.claimed_by) return 'running';
  if (!LIVE.includes(row.phase)) return null;
  if (row.project_paused) return 'paused';
  if (row.closed_gates > 0) return 'waits for others';
  if (row.not_before) return 'backing off';
  return failed(row) ? 'failing' : 'queued';
}
