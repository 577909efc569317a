import { lazy, Suspense, useCallback, useEffect, useRef } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Live } from './api/live';
import { useSession } from './api/queries';
import { Dashboard } from './pages/Dashboard';
import { Inbox } from './pages/Inbox';
import { SignIn } from './pages/SignIn';
import { Shell } from './parts/Shell';
import { Trouble, Waiting } from './parts/states';
import { Notices, useTell } from './parts/notices';
import { follow, settle, useLink, type Link } from './link';
import { amend, useRoute } from './route';

// The grid is two thirds of all script: it comes when the list is opened.
const Items = lazy(() => import('./pages/Items'));
const ItemDrawer = lazy(() => import('./item/ItemDrawer'));

const TITLES = { dashboard: 'Dashboard', items: 'Items', inbox: 'Inbox' } as const;

export function App() {
  const link = useLink();
  const session = useSession(link !== 'asking');
  const route = useRoute();
  const client = useQueryClient();
  const item = Number(route.query.get('item'));
  const opener = useRef<Element | null>(null);

  useEffect(() => {
    document.title = session.data === null ? 'Sign in · Damascus' : `${TITLES[route.page]} · Damascus`;
  }, [route.page, session.data]);

  // A cookie that has ended shows itself as a 401 somewhere: then ask who is signed in.
  useEffect(
    () =>
      client.getQueryCache().subscribe((event) => {
        const error = event.query.state.error as { status?: number } | null;
        if (event.type === 'updated' && error?.status === 401 && event.query.queryKey[0] !== 'session') {
          client.setQueryData(['session'], null);
        }
      }),
    [client],
  );
  useEffect(() => {
    if (link === 'asking') void follow(client);
  }, [link, client]);
  useEffect(() => {
    if (item) opener.current ??= document.activeElement;
  }, [item]);
  const close = useCallback(() => {
    amend({ item: null, tab: null });
    if (opener.current instanceof HTMLElement) opener.current.focus();
    opener.current = null;
  }, []);

  if (link === 'asking' || session.isPending) return <main className="signin"><Waiting lines={3} /></main>;
  if (session.isError) {
    return (
      <main className="signin">
        <Trouble error={session.error} again={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data === null) return <SignIn wrong={typeof link === 'string' ? null : link.message} />;
  return (
    <Notices>
      <Live />
      <Refused link={link} name={session.data.name} />
      <Shell page={route.page} session={session.data}>
        {route.page === 'dashboard' ? <Dashboard /> : null}
        {route.page === 'inbox' ? <Inbox /> : null}
        {route.page === 'items' ? (
          <Suspense fallback={<Waiting lines={12} />}>
            <Items />
          </Suspense>
        ) : null}
      </Shell>
      {Number.isSafeInteger(item) && item > 0 ? (
        <Suspense fallback={null}>
          <ItemDrawer key={item} id={item} onClose={close} />
        </Suspense>
      ) : null}
    </Notices>
  );
}

/** Says that a sign-in link was of no use to somebody who is signed in already. */
function Refused({ link, name }: { link: Link; name: string }): null {
  const tell = useTell();
  useEffect(() => {
    if (typeof link === 'string') return;
    tell(`The sign-in link was refused: ${link.message} You are still signed in as ${name}.`, true);
    settle();
  }, [link, name, tell]);
  return null;
}
