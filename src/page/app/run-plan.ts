import { type RunResult, readAnswer } from '../model/run.ts';

/**
 * Sends a plan to the service of the page, as JSON. Never rejects: an error is a result.
 *
 * @param path path of the plan, which must begin with a slash
 * @param signal ends the request
 */
export async function runPlan(path: string, signal: AbortSignal): Promise<RunResult> {
  try {
    const response = await fetch(urlOf(path), {
      headers: { accept: 'application/json' },
      cache: 'no-store',
      redirect: 'manual',
      signal,
    });
    if (response.type === 'opaqueredirect') return { kind: 'redirect' };
    return readAnswer(response.status, await response.text());
  } catch (error) {
    const message = signal.aborted ? 'the run was cancelled' : `no answer: ${(error as Error).message}`;
    return { kind: 'failed', message };
  }
}

/** Returns the URL of a path at this service. A path that begins with two slashes must not become a host. */
export function urlOf(path: string): string {
  return location.origin + path.replaceAll('#', '%23');
}
