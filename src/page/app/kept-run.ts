import { isReply } from '../../reply/is-reply.ts';
import type { Run } from '../model/run.ts';

/** Largest run that an entry in the history of the browser keeps, in characters of its JSON. */
const largestKept = 1_000_000;

/** Keeps a run with the current entry in the history of the browser, or with a new one for a URL. */
export function keepRun(run: Run, newUrl?: string): void {
  const state = JSON.stringify(run).length > largestKept ? undefined : run;
  if (newUrl === undefined) history.replaceState(state, '');
  else history.pushState(state, '', newUrl);
}

/** Name of the number of runs in the storage of the browser for this tab. */
const countName = 'meshmock-runs';

/** Returns the number of the next run, which is larger than those of earlier loads of the page. */
export function nextRunNumber(last: number): number {
  try {
    const next = Math.max(last, Number(sessionStorage.getItem(countName)) || 0) + 1;
    sessionStorage.setItem(countName, String(next));
    return next;
  } catch {
    // The user has switched off storage.
    return last + 1;
  }
}

/** Returns the run of the current entry in the history. An older version of the page may have kept it. */
export function keptRun(): Run | undefined {
  const run = history.state as Partial<Run> | null;
  if (typeof run?.id !== 'string' || typeof run.path !== 'string' || typeof run.at !== 'string') return undefined;
  const { result } = run;
  return result?.kind === 'reply' && !isReply(result.reply) ? undefined : (run as Run);
}
