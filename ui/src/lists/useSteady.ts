import { useCallback, useEffect, useMemo, useState } from 'react';
import { steady, type Steady } from './steady';

type Held = {
  onPointerEnter: () => void;
  onPointerLeave: () => void;
  onFocus: () => void;
  onKeyDown: () => void;
  onBlur: (event: React.FocusEvent) => void;
};

// A focus that rests somewhere does not hold a list for ever: it holds while keys are pressed.
const RESTS = 20_000; // milliseconds

/** `steady` for a component: spread `hold` on what surrounds the list; `settle` shows what is new. */
export function useSteady<T extends { id: number }>(
  fresh: T[],
  scope: string,
): Steady<T> & { hold: Held; settle: () => void } {
  const [pointed, setPointed] = useState(false);
  const [keyed, setKeyed] = useState(0);
  const [kept, setKept] = useState<{ scope: string; rows: T[] }>({ scope, rows: fresh });
  const held = (pointed || keyed > 0) && kept.scope === scope;
  const found = useMemo(() => steady(kept.rows, fresh, held), [kept, fresh, held]);
  if (!held && (kept.rows !== fresh || kept.scope !== scope)) setKept({ scope, rows: fresh });

  useEffect(() => {
    if (keyed === 0) return undefined;
    const timer = window.setTimeout(() => setKeyed(0), RESTS);
    return () => window.clearTimeout(timer);
  }, [keyed]);
  const settle = useCallback(() => {
    setKeyed(0);
    setKept({ scope, rows: fresh });
  }, [scope, fresh]);
  const hold = useMemo<Held>(
    () => ({
      onPointerEnter: () => setPointed(true),
      onPointerLeave: () => setPointed(false),
      onFocus: () => setKeyed((times) => times + 1),
      onKeyDown: () => setKeyed((times) => times + 1),
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setKeyed(0);
      },
    }),
    [],
  );
  return { ...found, hold, settle };
}
