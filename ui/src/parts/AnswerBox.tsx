import Button from '@mui/material/Button';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import { useId, useState } from 'react';
import type { Issue, Schemas } from '../api/client';
import { useAct, useMay } from '../api/queries';
import { isWaitedFor, wrongOf } from '../api/waited';
import { PHASE_NAMES } from './phase';
import { useTell } from './notices';

type Live = 'spec' | 'build' | 'review';
type Asked = { issue: Issue; onDone?: () => void };

/** Where a person answers: a text for a question, a decision for a blocked item or a project's base. */
export function AnswerBox(asked: Asked) {
  return asked.issue.kind === 'blocked' && asked.issue.item_id === null
    ? <BaseAnswer {...asked} />
    : <ItemAnswer {...asked} />;
}

/** A project waits because its base is not green: try it again, or begin on it as it is. */
function BaseAnswer({ issue, onDone }: Asked) {
  const { act, isPending, error } = useAct();
  const tell = useTell();
  const may = useMay('operate');
  const answer = (choice: 'retry' | null, text: string, said: string): void => {
    const body: Schemas['AnswerRequest'] = { text, choice, phase: null, budget_cycles: null, budget_usd: null };
    act({ do: 'answer', id: issue.id, body }, () => {
      tell(said);
      onDone?.();
    });
  };
  return (
    <form
      className="answer"
      data-issue={issue.id}
      onSubmit={(event) => {
        event.preventDefault();
        if (may && !isPending) answer('retry', '', 'It is tried again');
      }}
    >
      {error ? <p className="wrong" role="alert">{wrongOf(error)}</p> : null}
      <div className="answer-foot">
        <Button type="submit" variant="contained" disabled={!may || isPending} data-answer>Try it again</Button>
        <Button variant="outlined" disabled={!may || isPending} onClick={() => answer(null, 'go on anyway', 'The base is accepted as it is')}>Go on anyway</Button>
        <span className="faint consequence">
          {may ? 'Nothing of the project is specified or built until then; nothing is counted.' : 'Your token lacks the scope operate.'}
        </span>
      </div>
    </form>
  );
}

function ItemAnswer({ issue, onDone }: Asked) {
  const { act, isPending, error } = useAct();
  const tell = useTell();
  const may = useMay('operate');
  const id = useId();
  const [text, setText] = useState('');
  const [phase, setPhase] = useState<string>('');
  const [cycles, setCycles] = useState('');
  const [dollars, setDollars] = useState('');
  const [giving, setGiving] = useState(false);
  const blocked = issue.kind === 'blocked';
  const proposal = issue.test_command !== null; // whether the project may use it
  const cyclesWrong = cycles !== '' && !/^([1-9]\d?|100)$/.test(cycles);
  const dollarsWrong = dollars !== '' && !/^\d{1,7}(\.\d{1,4})?$/.test(dollars);
  const ready = may && !isPending && !cyclesWrong && !dollarsWrong && (issue.kind !== 'question' || text.trim() !== '');

  const answer = (choice: 'retry' | 'cancel' | null, said = text): void => {
    const body: Schemas['AnswerRequest'] = {
      text: said,
      choice,
      phase: choice === 'retry' && phase ? (phase as Live) : null,
      budget_cycles: choice === 'retry' && cycles ? Number(cycles) : null,
      budget_usd: choice === 'retry' && dollars ? dollars : null,
    };
    act({ do: 'answer', id: issue.id, body }, () => {
      tell(choice === 'cancel' ? 'Cancelled' : choice === 'retry' ? 'Set going again' : 'Answered');
      onDone?.();
    });
  };
  const cancelAndFree = (): void => {
    if (issue.item_id === null) return;
    act({ do: 'cancel', id: issue.item_id, body: { note: text, free: true } }, () => {
      tell('Cancelled, and the others freed');
      onDone?.();
    });
  };
  const usual = blocked ? 'retry' : null;
  const waited = isWaitedFor(error);

  return (
    <form
      className="answer"
      data-issue={issue.id}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) answer(usual);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready) {
          event.preventDefault();
          answer(usual);
        } else if (event.key === 'Escape' && event.target instanceof HTMLTextAreaElement) {
          event.stopPropagation();
          event.target.blur();
        }
      }}
    >
      {proposal ? (
        <div className="answer-foot">
          <Button variant="contained" disabled={!may || isPending} onClick={() => answer(null, 'yes')}>Yes, use it from now on</Button>
          <Button variant="outlined" disabled={!may || isPending} onClick={() => answer(null, 'no')}>No, let the spec name another</Button>
        </div>
      ) : null}
      <TextField
        id={id}
        multiline
        minRows={issue.kind === 'report' || proposal ? 1 : 3}
        maxRows={14}
        fullWidth
        label={proposal ? 'Another test command' : issue.kind === 'question' ? 'Your answer' : issue.kind === 'blocked' ? 'Note for the next attempt' : 'Note (may stay empty)'}
        value={text}
        disabled={!may}
        onChange={(event) => setText(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 65536, 'data-answer': true } }}
      />
      {blocked ? (
        <div className="answer-more">
          <TextField select label="Go on in" value={phase} onChange={(event) => setPhase(event.target.value)} disabled={!may}
            slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}>
            <MenuItem value="">Where its last verdict leads</MenuItem>
            {(['spec', 'build', 'review'] as const).map((one) => (
              <MenuItem key={one} value={one}>{PHASE_NAMES[one]}</MenuItem>
            ))}
          </TextField>
          <TextField label="Attempts" placeholder="as before" value={cycles} error={cyclesWrong} disabled={!may}
            helperText={cyclesWrong ? '1 to 100' : undefined} onChange={(event) => setCycles(event.target.value.trim())}
            slotProps={{ htmlInput: { inputMode: 'numeric' }, inputLabel: { shrink: true } }} />
          <TextField label="Budget in $" placeholder="as before" value={dollars} error={dollarsWrong} disabled={!may}
            helperText={dollarsWrong ? 'Like 12.50' : undefined} onChange={(event) => setDollars(event.target.value.trim())}
            slotProps={{ htmlInput: { inputMode: 'decimal' }, inputLabel: { shrink: true } }} />
        </div>
      ) : null}
      {error ? (
        <p className="wrong" role="alert">
          {wrongOf(error)}{' '}
          {waited ? <Button color="error" variant="outlined" onClick={cancelAndFree}>Cancel it and free those that wait</Button> : null}
        </p>
      ) : null}
      <div className="answer-foot">
        <Button type="submit" variant={proposal ? 'outlined' : 'contained'} disabled={!ready}>
          {isPending ? 'Sending…' : blocked ? 'Retry' : issue.kind === 'report' ? 'Mark as read' : proposal ? 'Use another command' : 'Answer'}
        </Button>
        {issue.kind === 'report' || proposal ? null : (
          <Button
            color="error"
            variant={giving ? 'outlined' : 'text'}
            disabled={!may || isPending}
            onClick={() => (giving ? answer('cancel') : setGiving(true))}
            onBlur={() => setGiving(false)}
          >
            {giving ? 'Give it up for good' : 'Give the item up'}
          </Button>
        )}
        <span className="faint consequence">
          {!may
            ? 'Your token lacks the scope operate.'
            : proposal
              ? 'Your answer holds for the whole project; no attempt is spent.'
            : blocked
              ? 'Retry puts the attempts back at 0. The note is given to the next attempt.'
              : issue.kind === 'question'
                ? 'The item goes back to spec with your answer; no attempt is spent.'
                : 'A report holds nothing up.'}
        </span>
        <kbd className="wide-only">Ctrl Enter</kbd>
      </div>
    </form>
  );
}
