import type { MeshPageError } from '../../model/mesh-page-data.ts';

/** Time that the page waits for data, in milliseconds. */
const timeoutMs = 20_000;

/**
 * Reads data of the mesh. A failure is a result with an `error` for the user.
 *
 * @example
 * await readData<TraceList>(meshPaths.traces);
 */
export async function readData<Data>(
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<Data | MeshPageError> {
  const text = new URLSearchParams(query).toString();
  try {
    const response = await fetch(text === '' ? path : `${path}?${text}`, { signal: AbortSignal.timeout(timeoutMs) });
    return (await response.json()) as Data | MeshPageError;
  } catch (error) {
    return { error: `the mesh does not answer (${(error as Error).message})` };
  }
}
