import { type MeshPageError, type MeshState, meshPaths } from '../../model/mesh-page-data.ts';
import { readData } from './read-data.ts';

/** State of the connection to the mesh, in words. */
export type FeedStatus =
  | { readonly kind: 'live' }
  | { readonly kind: 'paused'; readonly text: string }
  | { readonly kind: 'lost'; readonly text: string }
  | { readonly kind: 'ended'; readonly text: string };

/** Live states of a mesh. */
export interface Feed {
  /** Holds the page as it is, or goes on. */
  setPaused(isPaused: boolean): void;
}

/** Time until the next try after a refused connection, in milliseconds. */
const retryMs = 5000;

/**
 * Follows a mesh by one stream of events. The stream is closed while the tab is hidden, unless `isOpenWhileHidden`. The
 * browser repeats lost connections; refused ones are repeated here.
 */
export function startFeed(
  onState: (state: MeshState) => void,
  onStatus: (status: FeedStatus) => void,
  isOpenWhileHidden: boolean,
): Feed {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let isPaused = false;
  let isEnded = false;

  const close = (): void => {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };
  const open = (): void => {
    close();
    const opened = new EventSource(meshPaths.events);
    source = opened;
    opened.addEventListener('state', ({ data }) => {
      onStatus({ kind: 'live' });
      onState(JSON.parse(String(data)) as MeshState);
    });
    opened.addEventListener('end', ({ data }) => {
      isEnded = true;
      close();
      onStatus({ kind: 'ended', text: `The mesh has ended. ${endText(String(data))}`.trim() });
    });
    opened.addEventListener('error', () => {
      if (source !== opened) return;
      onStatus({ kind: 'lost', text: 'The connection is lost. The page tries again.' });
      // A refused stream is closed for good, and only another request shows why.
      if (opened.readyState === EventSource.CLOSED) void repeatLater();
    });
  };
  const repeatLater = async (): Promise<void> => {
    retry = setTimeout(follow, retryMs);
    const answer = await readData<MeshState>(meshPaths.state);
    if ('error' in answer && retry !== undefined)
      onStatus({ kind: 'lost', text: `${answer.error}. The page tries again.` });
  };
  const follow = (): void => {
    if (isEnded) return;
    if (!isPaused && (isOpenWhileHidden || !document.hidden)) {
      open();
      return;
    }
    close();
    const text = isPaused ? 'Paused: the page stays as it is.' : 'Paused, because the tab is hidden.';
    onStatus({ kind: 'paused', text });
  };

  if (!isOpenWhileHidden) document.addEventListener('visibilitychange', follow);
  follow();
  return {
    setPaused(paused) {
      isPaused = paused;
      follow();
    },
  };
}

/** Returns the reason in the data of an `end` event. */
function endText(data: string): string {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === 'string') return value;
    return (value as Partial<MeshPageError & { readonly reason: string }>).reason ?? '';
  } catch {
    return data;
  }
}
