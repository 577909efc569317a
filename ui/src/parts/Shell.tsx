import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import IconButton from '@mui/material/IconButton';
import Tooltip from '@mui/material/Tooltip';
import { useColorScheme } from '@mui/material/styles';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { send, type Session } from '../api/client';
import { useIssues, useStats } from '../api/queries';
import { useLine } from '../api/stream';
import { go, hashOf, type Page } from '../route';
import { about } from '../text/format';
import { Icon, type IconName } from './Icon';
import { Mark } from './Mark';
import { useNow } from './text';

const PAGES: { page: Page; name: string; icon: IconName; key: string }[] = [
  { page: 'dashboard', name: 'Dashboard', icon: 'dashboard', key: 'd' },
  { page: 'items', name: 'Items', icon: 'items', key: 'i' },
  { page: 'inbox', name: 'Inbox', icon: 'inbox', key: 'n' },
];

/** What surrounds every page: where one can go, whether the line stands, who is signed in. */
export function Shell({ page, session, children }: { page: Page; session: Session; children: React.ReactNode }) {
  const issues = useIssues();
  const [help, setHelp] = useState(false);
  const showHelp = useCallback(() => setHelp(true), []);
  useKeys(showHelp);
  const open = issues.data?.issues.length ?? 0;
  const badge = issues.data?.next_cursor ? `${open}+` : String(open);
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>
        Skip to the page
      </a>
      <header className="side">
        <a className="brand" href={hashOf('dashboard')} aria-label="Damascus, to the dashboard">
          <Mark size={24} />
          <span>Damascus</span>
        </a>
        <nav aria-label="Pages">
          {PAGES.map((one) => (
            <a key={one.page} href={hashOf(one.page)} aria-current={one.page === page ? 'page' : undefined}>
              <Icon name={one.icon} size={18} />
              <span>{one.name}</span>
              {one.page === 'inbox' && open > 0 ? (
                <b className="badge" aria-label={`${badge} open`}>{badge}</b>
              ) : null}
            </a>
          ))}
        </nav>
        <div className="side-foot">
          <LineSign />
          <div className="side-tools">
            <ModeButton />
            <Tooltip title="Keys (?)">
              <IconButton size="small" aria-label="Keyboard shortcuts" className="wide-only" onClick={() => setHelp(true)}>
                <Icon name="keyboard" size={18} />
              </IconButton>
            </Tooltip>
            <SignOut name={session.name} />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} className={`page page-${page}`}>
        <LineBanner />
        <SandboxBanner />
        <ConditionBanner />
        {children}
      </main>
      <Keys open={help} onClose={() => setHelp(false)} />
    </div>
  );
}

function LineSign() {
  const line = useLine();
  const words = { live: 'Live', connecting: 'Connecting', lost: 'Offline' }[line.state];
  return (
    <span className={`line line-${line.state}`} role="status">
      <i aria-hidden="true" />
      <span>{words}</span>
    </span>
  );
}

function LineBanner() {
  const line = useLine();
  const now = useNow(1000);
  const lost = (now - line.since) / 1000;
  if (line.state !== 'lost' || lost < 3) return null;
  return (
    <div className="banner" role="alert">
      <Icon name="warn" />
      <span>
        The line to the server is down. What you see is {about(lost)} old; it goes on by itself when the server
        answers.
      </span>
    </div>
  );
}

function SandboxBanner() {
  const stats = useStats();
  if (stats.data?.sandbox !== 'plain') return null;
  return (
    <div className="banner" role="alert">
      <Icon name="warn" />
      <span>
        Sandbox: <b>plain</b>, which is none. Agents and tests may do whatever the worker&rsquo;s user may.
      </span>
    </div>
  );
}

/** What is wrong for everybody, the worst first, and what to do about it. */
function ConditionBanner() {
  const stats = useStats();
  return stats.data?.conditions.map((one) => (
    <div className="banner" role="alert" key={`${one.kind} ${one.subject} ${one.project ?? ''}`}>
      <Icon name="warn" />
      <span>
        <b>{one.title}</b>
        {one.waiting > 0 ? ` (${one.waiting} waiting)` : ''}. {one.why} {one.to_do}
      </span>
    </div>
  ));
}

function ModeButton() {
  const { mode, setMode } = useColorScheme();
  const next = mode === 'system' ? 'light' : mode === 'light' ? 'dark' : 'system';
  const icon: IconName = mode === 'light' ? 'sun' : mode === 'dark' ? 'moon' : 'auto';
  const name = mode === 'light' ? 'Light' : mode === 'dark' ? 'Dark' : 'As the system';
  return (
    <Tooltip title={`Colours: ${name.toLowerCase()}`}>
      <IconButton size="small" aria-label={`Colours: ${name}. Change to ${next}`} onClick={() => setMode(next)}>
        <Icon name={icon} size={18} />
      </IconButton>
    </Tooltip>
  );
}

function SignOut({ name }: { name: string }) {
  const client = useQueryClient();
  const leave = async (): Promise<void> => {
    try {
      await send('DELETE', '/v1/session');
    } finally {
      client.setQueryData(['session'], null);
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
    }
  };
  return (
    <Tooltip title={`Signed in as ${name}. Sign out`}>
      <IconButton size="small" aria-label={`Signed in as ${name}. Sign out`} onClick={() => void leave()}>
        <Icon name="out" size={18} />
      </IconButton>
    </Tooltip>
  );
}

const KEYS: [string, string][] = [
  ['g d', 'Dashboard'],
  ['g i', 'Items'],
  ['g n', 'Inbox'],
  ['/', 'Search the items'],
  ['j  k', 'Next and previous, in the inbox'],
  ['Enter', 'Open what is selected; in the inbox: answer it'],
  ['Ctrl Enter', 'Send the answer'],
  ['Esc', 'Close, or leave the field'],
  ['?', 'These keys'],
];

function Keys({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} aria-labelledby="keys-title">
      <div className="dialog">
        <h2 id="keys-title">Keys</h2>
        <dl className="keys">
          {KEYS.map(([key, what]) => (
            <div key={key}>
              <dt>{key.split(/\s+/).map((one) => <kbd key={one}>{one}</kbd>)}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <div className="dialog-foot">
          <Button onClick={onClose}>Close</Button>
        </div>
      </div>
    </Dialog>
  );
}

/** Whether a key press belongs to a field one writes in, or to a dialog. */
export function isWriting(event: KeyboardEvent): boolean {
  const at = event.target;
  return at instanceof HTMLElement && (at.isContentEditable || at.closest('input, textarea, select, [role="dialog"], [role="menu"]') !== null);
}

/** `help` has to stay the same: the keys are listened to anew when it changes, and `g` is forgotten. */
function useKeys(help: () => void): void {
  useEffect(() => {
    let went = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event)) return;
      if (event.key === '?') help();
      else if (event.key === 'g') went = Date.now();
      else if (event.key === '/') {
        event.preventDefault();
        const field = document.getElementById('search');
        if (field) field.focus();
        else go(hashOf('items'));
      } else if (Date.now() - went < 1500) {
        const found = PAGES.find((one) => one.key === event.key);
        if (found) go(hashOf(found.page));
        went = 0;
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [help]);
}
