/** Loaded into a program before its own files: answers a message of its parent with the files that it has loaded. */
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const loaded: string[] = [];

module.registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:')) loaded.push(fileURLToPath(url));
    return nextLoad(url, context);
  },
});

process.on('message', (message) => {
  if (message === 'report loaded files') process.send?.({ loaded });
});
// The listener must not keep the program alive.
process.channel?.unref();
