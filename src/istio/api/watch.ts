import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../objects.ts';
import type { Kind } from './kinds.ts';
import type { Matches } from './selectors.ts';
import type { Store } from './store.ts';

/** Watch request, and the objects that it is about. */
export interface Watch {
  readonly store: Store;
  readonly kind: Kind;
  /** Query parameters of the request; `resourceVersion` and `sendInitialEvents` are read. */
  readonly parameters: URLSearchParams;
  readonly matches: Matches;
  /** Makes the body of an event from an object. */
  readonly show: (object: KubeObject) => unknown;
}

/**
 * Answers a watch with a line for each event until the client disconnects (Kubernetes API concepts, "Efficient
 * detection of changes" and "Streaming lists").
 */
export function watch({ store, kind, parameters, matches, show }: Watch, response: ServerResponse): void {
  const line = (type: string, object: unknown): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const from = Number(parameters.get('resourceVersion') ?? 0);
  const isStream = parameters.get('sendInitialEvents') === 'true';
  const wantsAll = isStream || from === 0;
  if (!wantsAll && !store.hasEventsSince(from)) {
    const message = `resource version ${from} is too old`;
    line('ERROR', { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 410, reason: 'Expired', message });
    response.end();
    return;
  }
  /** Objects that the client knows, from this watch or from an earlier list. */
  const known = new Set<string>();
  for (const object of store.list(kind).filter(matches)) {
    known.add(namespacedName(object));
    if (wantsAll) line('ADDED', show(object));
  }
  if (isStream) {
    const metadata = {
      name: '',
      resourceVersion: String(store.version),
      annotations: { 'k8s.io/initial-events-end': 'true' },
    };
    line('BOOKMARK', show({ apiVersion: '', kind: kind.kind, metadata }));
  }
  const disconnected = new AbortController();
  response.once('close', () => disconnected.abort());
  store.watch(
    kind,
    wantsAll ? store.version : from,
    ({ type, object }) => {
      const wasKnown = known.has(namespacedName(object));
      if (type !== 'DELETED' && matches(object)) {
        known.add(namespacedName(object));
        line(type, show(object));
      } else if (wasKnown || matches(object)) {
        // For the client, an object that no longer matches is deleted.
        known.delete(namespacedName(object));
        line('DELETED', show(object));
      }
    },
    disconnected.signal,
  );
}

function namespacedName({ metadata: { namespace = '', name } }: KubeObject): string {
  return `${namespace}/${name}`;
}
