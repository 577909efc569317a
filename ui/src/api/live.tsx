import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { DamascusEvent } from './client';
import { listen } from './stream';

const CALM = 300; // milliseconds: events come in bursts, and one look shows them all
const recent = new Set<(event: DamascusEvent) => void>();

/** Tell `tell` of every event for as long as the component is there. */
export function useEvents(tell: (event: DamascusEvent) => void): void {
  useEffect(() => {
    recent.add(tell);
    return () => void recent.delete(tell);
  }, [tell]);
}

/** Keeps everything on the page fresh: what an event touches is read again. */
export function Live(): null {
  const client = useQueryClient();
  useEffect(() => {
    const items = new Set<number>();
    let projects = false;
    let timer: number | undefined;
    const look = (): void => {
      timer = undefined;
      for (const id of items) void client.invalidateQueries({ queryKey: ['item', id] });
      items.clear();
      void client.invalidateQueries({ queryKey: ['items'] });
      void client.invalidateQueries({ queryKey: ['stats'] });
      void client.invalidateQueries({ queryKey: ['issues'] });
      if (projects) void client.invalidateQueries({ queryKey: ['projects'] });
      projects = false;
    };
    const end = listen(
      (event) => {
        if (event.item_id !== null) items.add(event.item_id);
        if (event.type.startsWith('project.')) projects = true;
        timer ??= window.setTimeout(look, CALM);
        for (const tell of recent) tell(event);
      },
      () => void client.invalidateQueries(),
    );
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [client]);
  return null;
}
