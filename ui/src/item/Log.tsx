import { useEffect, useRef, useState } from 'react';
import { failureOf } from '../api/client';
import { clean } from '../text/safe';

const KEPT = 200_000; // characters: the end of a log is what one looks at

type State = { text: string; cut: boolean; live: boolean; wrong: string | null };

/** The log of a run; while it runs, what is written comes as it is written. */
export function Log({ item, run, live }: { item: number; run: number; live: boolean }) {
  const state = useLog(`/v1/items/${item}/runs/${run}/log?tail=${KEPT}${live ? '&follow=true' : ''}`, live);
  const place = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const here = place.current;
    if (here && atEnd.current) here.scrollTop = here.scrollHeight;
  }, [state.text]);
  return (
    <>
      <h4>
        Log {state.live ? <span className="verdict verdict-open"><span className="beat" aria-hidden="true" /> live</span> : null}
        {state.cut ? <span className="faint">the end of it</span> : null}
      </h4>
      {state.wrong ? (
        <p className="faint">{state.wrong}</p>
      ) : (
        <pre
          ref={place}
          className="output log"
          role="log"
          aria-label="Log of the run"
          tabIndex={0}
          onScroll={(event) => {
            const here = event.currentTarget;
            atEnd.current = here.scrollHeight - here.scrollTop - here.clientHeight < 24;
          }}
        >
          {state.text || (state.live ? 'Nothing has been written yet.' : 'The log is empty.')}
        </pre>
      )}
    </>
  );
}

function useLog(path: string, live: boolean): State {
  const [state, setState] = useState<State>({ text: '', cut: false, live, wrong: null });
  useEffect(() => {
    const ending = new AbortController();
    let raw = '';
    let cut = false;
    let frame = 0;
    const show = (running: boolean): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setState({ text: clean(raw), cut, live: running, wrong: null }));
    };
    const read = async (): Promise<void> => {
      const response = await fetch(path, { signal: ending.signal, credentials: 'same-origin' });
      if (!response.ok) throw await failureOf(response);
      if (!response.body) return;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        raw += value;
        if (raw.length > KEPT) {
          raw = raw.slice(-KEPT);
          cut = true;
        }
        show(live);
      }
      show(false);
    };
    read().catch((error: unknown) => {
      if (ending.signal.aborted) return;
      const wrong = error instanceof Error ? error.message : 'The log cannot be read.';
      setState((had) => ({ ...had, live: false, wrong: had.text ? null : wrong }));
    });
    return () => {
      cancelAnimationFrame(frame);
      ending.abort();
    };
  }, [path, live]);
  return state;
}
