import type { LiveEntry } from '../../cases/meshes/live-entry.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { CallResult } from '../../reply/reply.ts';
import { openClient, sendBatch } from '../../send/request-batch.ts';

/** Entries of two running meshes, with the same names. */
export interface EntryPairs {
  readonly before: readonly LiveEntry[];
  readonly after: readonly LiveEntry[];
}

/** Time in which an entry must answer, in milliseconds. */
const answerMs = 5000;

/**
 * Checks that the entries answer, before a local mesh starts.
 *
 * @throws MeshmockError `unavailable` for an entry without an answer
 */
export async function checkEntries(
  { before, after }: EntryPairs,
  userAgent: string,
  signal: AbortSignal,
): Promise<void> {
  for (const [side, entries] of [['OLD', before] as const, ['NEW', after] as const])
    for (const entry of entries) {
      const answer = await answerOf(entry, userAgent, signal);
      if (isSilent(entry, answer))
        throw new MeshmockError(
          'unavailable',
          `the entry of ${side}, ${entryText(entry)}, does not answer (${answer.error?.code ?? 'no answer'}): check that its mesh and its port-forward are up`,
        );
    }
}

/** Reports whether an entry does not answer. A gateway may close connections, which is a difference if only one does. */
function isSilent({ name }: LiveEntry, { answeredBy, error }: CallResult): boolean {
  const mayBeGateway = name !== undefined && name !== 'outside';
  return answeredBy === 'nobody' && (!mayBeGateway || error?.code === 'refused' || error?.code === 'dns');
}

async function answerOf(
  { protocol: scheme, address }: LiveEntry,
  userAgent: string,
  signal: AbortSignal,
): Promise<CallResult> {
  const client = await openClient(scheme);
  try {
    const plan = { kind: 'answer', directives: [], uri: '/' } as const;
    const target = { scheme, address, plan, path: '/' };
    const settings = { headers: [], repeat: 1, concurrency: 1, timeoutMs: answerMs, connectTo: [], expectations: [] };
    const { call } = await sendBatch({ target, ...settings }, client, userAgent, () => {}, signal);
    return call;
  } finally {
    await client.close();
  }
}

/** Returns an entry as it is typed, such as `web=http://localhost:8080`. */
function entryText({ name, protocol, address: { host, port } }: LiveEntry): string {
  return `${name === undefined ? '' : `${name}=`}${protocol}://${host}:${port}`;
}
