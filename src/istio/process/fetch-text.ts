import { MeshmockError } from '../../error/meshmock-error.ts';

/**
 * Requests a URL of a program of the local mesh and returns the body.
 *
 * @param program name of the program in messages
 * @throws MeshmockError `unavailable` if the program does not answer with a success status
 */
export async function fetchText(
  program: string,
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { pathname } = new URL(url);
  try {
    const response = await fetch(url, { headers, signal });
    const body = await response.text();
    if (response.ok) return body;
    throw new MeshmockError('unavailable', `${program} answers ${response.status} at ${pathname}: ${body}`);
  } catch (error) {
    if (signal.aborted || error instanceof MeshmockError) throw error;
    const { cause = error } = error as Error;
    throw new MeshmockError('unavailable', `${program} does not answer at ${pathname}: ${(cause as Error).message}`);
  }
}
