import type { Http2Stream } from 'node:http2';

/**
 * Removes the listeners of a closed stream, which refer to its call.
 *
 * Each stream of Node has a function in a property that refers to the stream, and V8 allocates such functions in the old
 * generation. So a closed stream stays until a full collection, and all that it refers to is copied by two collections of
 * the young generation before.
 */
export function removeListeners(stream: Http2Stream): void {
  // With a listener for it, Node would emit `removeListener` for each of the others.
  stream.removeAllListeners('removeListener').removeAllListeners().on('error', ignoreError);
}

function ignoreError(): void {}
