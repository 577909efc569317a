import type { Failure } from './client';

/** Whether something was refused because other items wait for what was to be cancelled. */
export function isWaitedFor(error: Failure | null): boolean {
  return error?.code === 'waited_for';
}

/** What went wrong, in the words of the page: the API's hint is for programs. */
export function wrongOf(error: Failure | null): string | null {
  if (!error) return null;
  if (!isWaitedFor(error)) return error.message;
  return `${error.message.split(':', 1)[0]}. Cancel those first, or let them go on without it.`;
}
