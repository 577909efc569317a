import { useCallback, useMemo, useState } from 'react';
import { steady, type Steady } from './steady';

type Held = {
  onPointerEnter: () => void;
  onPointerLeave: () => void;
  onFocus: () => void;
  onBlur: (event: React.FocusEvent) => void;
};

/** `steady` for a component: spread `hold` on what surrounds the list; `settle` shows what is new. */
export function useSteady<T extends { id: number }>(
  fresh: T[],
  scope: string,
): Steady<T> & { hold: Held; settle: () => void } {
  const [pointed, setPointed] = useState(false);
  const [focused, setFocused] = useState(false);
  const [kept, setKept] = useState<{ scope: string; rows: T[] }>({ scope, rows: fresh });
  const held = (pointed || focused) && kept.scope === scope;
  const found = useMemo(() => steady(kept.rows, fresh, held), [kept, fresh, held]);
  if (!held && (kept.rows !== fresh || kept.scope !== scope)) setKept({ scope, rows: fresh });

  const settle = useCallback(() => setKept({ scope, rows: fresh }), [scope, fresh]);
  const hold = useMemo<Held>(
    () => ({
      onPointerEnter: () => setPointed(true),
      onPointerLeave: () => setPointed(false),
      onFocus: () => setFocused(true),
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(false);
      },
    }),
    [],
  );
  return { ...found, hold, settle };
}
