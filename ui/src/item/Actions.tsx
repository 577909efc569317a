import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import type { ItemDetail, Schemas } from '../api/client';
import { useAct, useMay } from '../api/queries';
import { isWaitedFor, wrongOf } from '../api/waited';
import { useTell } from '../parts/notices';

/** What a person may do with an item; each says first what it will mean. */
export function Actions({ detail }: { detail: ItemDetail }) {
  const may = useMay('operate');
  const [open, setOpen] = useState<'change' | 'cancel' | 'pause' | null>(null);
  const { item } = detail;
  const final = item.phase === 'merged' || item.phase === 'cancelled';
  if (final) return null;
  const why = may ? undefined : 'Your token lacks the scope operate';
  return (
    <>
      <Button disabled={!may} title={why} onClick={() => setOpen('change')}>Change</Button>
      <Button disabled={!may} title={why} onClick={() => setOpen('pause')}>{item.project_paused ? 'Resume' : 'Pause'}</Button>
      <Button color="error" disabled={!may} title={why} onClick={() => setOpen('cancel')}>Cancel</Button>
      {open === 'change' ? <Change detail={detail} onClose={() => setOpen(null)} /> : null}
      {open === 'cancel' ? <GiveUp detail={detail} onClose={() => setOpen(null)} /> : null}
      {open === 'pause' ? <Pause detail={detail} onClose={() => setOpen(null)} /> : null}
    </>
  );
}

type Asked = { detail: ItemDetail; onClose: () => void };

function Ask(props: { title: string; wrong: string | null; busy: boolean; ready?: boolean; button: string; bad?: boolean; onClose: () => void; onDo: () => void; children: React.ReactNode }) {
  return (
    <Dialog open onClose={props.onClose} aria-labelledby="ask-title">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          props.onDo();
        }}
      >
        <h2 id="ask-title">{props.title}</h2>
        {props.children}
        {props.wrong ? <p className="wrong" role="alert">{props.wrong}</p> : null}
        <div className="dialog-foot">
          <Button onClick={props.onClose}>Not now</Button>
          <Button type="submit" variant="contained" color={props.bad ? 'error' : 'primary'} disabled={props.busy || props.ready === false}>
            {props.busy ? 'Working…' : props.button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Change({ detail, onClose }: Asked) {
  const { item } = detail;
  const { act, isPending, error } = useAct();
  const tell = useTell();
  const [priority, setPriority] = useState(String(item.priority));
  const [cycles, setCycles] = useState(String(item.budget_cycles));
  const [dollars, setDollars] = useState(item.budget_usd === null ? '' : String(Number(item.budget_usd)));
  const body: Schemas['ChangeRequest'] = {};
  if (priority !== String(item.priority)) body.priority = Number(priority);
  if (cycles !== String(item.budget_cycles)) body.budget_cycles = Number(cycles);
  if (dollars !== '' && Number(dollars) !== Number(item.budget_usd ?? NaN)) body.budget_usd = dollars;
  const good = /^\d$/.test(priority) && /^([1-9]\d?|100)$/.test(cycles) && /^(\d{1,7}(\.\d{1,4})?)?$/.test(dollars);
  return (
    <Ask title="Change this item" wrong={error?.message ?? null} busy={isPending} ready={good && Object.keys(body).length > 0}
      button="Change" onClose={onClose}
      onDo={() => act({ do: 'change', id: item.id, body }, () => { tell('Changed'); onClose(); })}>
      <p>It takes effect with the next claim; what runs now goes on.</p>
      <div className="fields">
        <TextField label="Priority" helperText="0 first, 9 last" value={priority} onChange={(event) => setPriority(event.target.value.trim())} slotProps={{ htmlInput: { inputMode: 'numeric' } }} />
        <TextField label="Attempts" helperText="before it blocks" value={cycles} onChange={(event) => setCycles(event.target.value.trim())} slotProps={{ htmlInput: { inputMode: 'numeric' } }} />
        <TextField label="Budget in $" helperText="for everything it costs" value={dollars} onChange={(event) => setDollars(event.target.value.trim())} slotProps={{ htmlInput: { inputMode: 'decimal' } }} />
      </div>
    </Ask>
  );
}

function GiveUp({ detail, onClose }: Asked) {
  const { item } = detail;
  const { act, isPending, error } = useAct();
  const tell = useTell();
  const [note, setNote] = useState('');
  const free = isWaitedFor(error);
  return (
    <Ask title="Cancel this item?" wrong={wrongOf(error)} busy={isPending}
      button={free ? 'Cancel it and free those that wait' : 'Cancel the item'} bad onClose={onClose}
      onDo={() => act({ do: 'cancel', id: item.id, body: { note, free } }, () => { tell(free ? 'Cancelled, and the others freed' : 'Cancelled'); onClose(); })}>
      <p>
        It is given up for good.{item.claimed_by ? ' What runs for it is stopped now.' : ''}
        {item.pr_number !== null ? ` Pull request #${item.pr_number} stays open on the forge.` : ''}
      </p>
      <TextField label="Why (kept with the event)" fullWidth multiline maxRows={6} value={note} onChange={(event) => setNote(event.target.value)} />
    </Ask>
  );
}

function Pause({ detail, onClose }: Asked) {
  const { item } = detail;
  const { act, isPending, error } = useAct();
  const tell = useTell();
  const [reason, setReason] = useState('');
  const paused = item.project_paused;
  return (
    <Ask title={paused ? `Resume ${item.project}?` : `Pause ${item.project}?`} wrong={error?.message ?? null} busy={isPending}
      button={paused ? 'Resume the project' : 'Pause the project'} onClose={onClose}
      onDo={() =>
        act(paused ? { do: 'resume', name: item.project } : { do: 'pause', name: item.project, body: { reason: reason || null } }, () => {
          tell(paused ? 'Resumed' : 'Paused');
          onClose();
        })
      }>
      <p>
        {paused
          ? 'All its open items can be claimed again.'
          : 'A pause holds for the whole project: nothing more of it is claimed. What runs now goes on to its verdict.'}
      </p>
      {paused ? null : <TextField label="Why" fullWidth value={reason} onChange={(event) => setReason(event.target.value)} />}
    </Ask>
  );
}
