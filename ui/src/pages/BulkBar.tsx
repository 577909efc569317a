import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ItemRow } from '../api/client';
import { performAll, useMay, type Act, type Many } from '../api/queries';
import { amend } from '../route';
import { plural } from '../text/format';
import { useTell } from '../parts/notices';

type What = 'retry' | 'cancel' | 'pause';

/** What can be done with the selected items, all at once. */
export function BulkBar({ ids, rows }: { ids: number[]; rows: ItemRow[] }) {
  const may = useMay('operate');
  const [what, setWhat] = useState<What | null>(null);
  const known = rows.filter((row) => ids.includes(row.id));
  const elsewhere = ids.length - known.length;
  const why = may ? undefined : 'Your token lacks the scope operate';
  return (
    <div className="bulk" role="region" aria-label="Selected items">
      <strong>{plural(ids.length, 'item')} selected</strong>
      {elsewhere > 0 ? <span className="faint">{elsewhere} not on this page</span> : null}
      <span className="grow" />
      <Button variant="outlined" disabled={!may} title={why} onClick={() => setWhat('retry')}>Retry…</Button>
      <Button variant="outlined" disabled={!may} title={why} onClick={() => setWhat('pause')}>Pause projects…</Button>
      <Button variant="outlined" color="error" disabled={!may} title={why} onClick={() => setWhat('cancel')}>Cancel…</Button>
      <Button onClick={() => amend({ sel: null }, { replace: true })}>Clear</Button>
      {what ? <Sure what={what} ids={ids} known={known} onClose={() => setWhat(null)} /> : null}
    </div>
  );
}

function Sure({ what, ids, known, onClose }: { what: What; ids: number[]; known: ItemRow[]; onClose: () => void }) {
  const client = useQueryClient();
  const tell = useTell();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<Many['failed']>([]);
  const { title, says, acts, button } = plan(what, ids, known);
  const waited = failed.filter((one) => one.waited).map((one) => Number(one.id));
  const perform = async (acts: Act[]): Promise<void> => {
    setBusy(true);
    setFailed([]);
    const found = await performAll(acts);
    await client.invalidateQueries();
    setBusy(false);
    if (found.failed.length > 0) {
      setFailed(found.failed);
      return;
    }
    tell(`${plural(found.done, what === 'pause' ? 'project' : 'item')} ${what === 'retry' ? 'set going again' : what === 'pause' ? 'paused' : 'cancelled'}`);
    if (what !== 'pause') amend({ sel: null }, { replace: true });
    onClose();
  };
  return (
    <Dialog open onClose={onClose} aria-labelledby="sure-title">
      <div className="dialog">
        <h2 id="sure-title">{title}</h2>
        {says.map((one) => <p key={one}>{one}</p>)}
        {failed.length > 0 ? (
          <div className="failed" role="alert">
            <strong>{plural(failed.length, 'of them did', 'of them did')} not work:</strong>
            <ul>{failed.slice(0, 8).map((one) => <li key={one.id}>{one.id}: {one.why}</li>)}</ul>
          </div>
        ) : null}
        <div className="dialog-foot">
          <Button onClick={onClose}>{failed.length > 0 ? 'Close' : 'Not now'}</Button>
          {failed.length === 0 ? (
            <Button
              variant="contained"
              color={what === 'cancel' ? 'error' : 'primary'}
              disabled={busy || acts.length === 0}
              onClick={() => void perform(acts)}
            >
              {busy ? 'Working…' : button}
            </Button>
          ) : waited.length > 0 ? (
            <Button
              variant="contained"
              color="error"
              onClick={() => void perform(waited.map((id) => ({ do: 'cancel', id, body: { note: '', free: true } })))}
            >
              Cancel {plural(waited.length, 'item')} and free those that wait
            </Button>
          ) : null}
        </div>
      </div>
    </Dialog>
  );
}

function plan(what: What, ids: number[], known: ItemRow[]): { title: string; says: string[]; acts: Act[]; button: string } {
  const off = new Set(known.filter((row) => row.phase === 'merged' || row.phase === 'cancelled').map((row) => row.id));
  const left = off.size ? [`${plural(off.size, 'item')} of them came to an end already and ${off.size === 1 ? 'is' : 'are'} left alone.`] : [];
  if (what === 'retry') {
    const stuck = new Set(known.filter((row) => row.phase !== 'blocked').map((row) => row.id));
    const wanted = ids.filter((id) => !stuck.has(id));
    return {
      title: `Retry ${plural(wanted.length, 'blocked item')}?`,
      says: [
        'Each goes on where its last verdict leads (after a red review in build), with its attempts back at 0 and the same budget.',
        ...(stuck.size ? [`${plural(stuck.size, 'item')} of them ${stuck.size === 1 ? 'is' : 'are'} not blocked and left alone.`] : []),
      ],
      acts: wanted.map((id) => ({ do: 'retry', id, body: { note: '' } })),
      button: `Retry ${wanted.length}`,
    };
  }
  if (what === 'cancel') {
    const wanted = ids.filter((id) => !off.has(id));
    return {
      title: `Cancel ${plural(wanted.length, 'item')}?`,
      says: [
        'They are given up for good: what runs for them is stopped now, and nothing of them is merged.',
        'Branches and pull requests stay on the forge. You are asked again about those that other items wait for.',
        ...left,
      ],
      acts: wanted.map((id) => ({ do: 'cancel', id, body: { note: '', free: false } })),
      button: `Cancel ${plural(wanted.length, 'item')}`,
    };
  }
  const names = [...new Set(known.map((row) => row.project))];
  return {
    title: `Pause ${names.length === 1 ? names[0] : plural(names.length, 'project')}?`,
    says: [
      `A pause holds for a whole project: ${names.join(', ') || 'none is on this page'}.`,
      'Nothing more is claimed there; what runs now goes on to its verdict.',
    ],
    acts: names.map((name) => ({ do: 'pause', name, body: { reason: 'paused on the page' } })),
    button: `Pause ${plural(names.length, 'project')}`,
  };
}
