import { type RunResult, readAnswer, readPage } from '../model/run.ts';

/**
 * Sends a plan to the service of the page, as JSON. Never rejects: an error is a result.
 *
 * @param path path of the plan, which must begin with a slash
 * @param signal ends the request
 */
export function runPlan(path: string, signal: AbortSignal): Promise<RunResult> {
  return send(path, { accept: 'application/json', cache: 'no-store', read: readAnswer }, signal);
}

/**
 * Sends a plan like `runPlan`, as the browser does that opens its URL. So the browser keeps the page of this run. If the user
 * leaves this page and comes back, it is shown, and the plan is not executed again.
 *
 * @param accept value with which the browser asks for pages
 */
export function runAsPage(path: string, accept: string, signal: AbortSignal): Promise<RunResult> {
  return send(path, { accept, cache: 'reload', read: readPage }, signal);
}

interface Sending {
  readonly accept: string;
  readonly cache: RequestCache;
  readonly read: (status: number, text: string) => RunResult;
}

async function send(path: string, { accept, cache, read }: Sending, signal: AbortSignal): Promise<RunResult> {
  try {
    const response = await fetch(urlOf(path), { headers: { accept }, cache, redirect: 'manual', signal });
    if (response.type === 'opaqueredirect') return { kind: 'redirect' };
    return read(response.status, await response.text());
  } catch (error) {
    const message = signal.aborted ? 'the run was cancelled' : `no answer: ${(error as Error).message}`;
    return { kind: 'failed', message };
  }
}

/** Returns the URL of a path at this service. A path that begins with two slashes must not become a host. */
export function urlOf(path: string): string {
  return location.origin + path.replaceAll('#', '%23');
}
