import type { Run } from '../api/client';

/** What the tests or the agent printed at the end of a run, if it was kept. */
export function outputOf(run: Run): string | null {
  for (const name of ['output_tail', 'agent_said', 'output']) {
    const found = run.details[name];
    if (typeof found === 'string' && found.trim()) return found;
  }
  return null;
}

/** The command whose output that is. */
export function commandOf(run: Run): string | null {
  const found = run.details.command;
  return typeof found === 'string' ? found : null;
}
