import type { Plugin } from 'esbuild';

/** Parts of undici that the program uses. The whole package has twice as much, and loads it all. */
const undici = `
  export { default as Agent } from './lib/dispatcher/agent.js';
  export { default as Client } from './lib/dispatcher/client.js';
  export { default as Pool } from './lib/dispatcher/pool.js';
  export { default as buildConnector } from './lib/core/connect.js';
  import Dispatcher from './lib/dispatcher/dispatcher.js';
  import request from './lib/api/api-request.js';
  Dispatcher.prototype.request = request;
`;

/** Leaves out of a build what a start would load and not use. */
export const quickStart: Plugin = {
  name: 'quick start',
  setup({ onResolve, onLoad }) {
    onLoad({ filter: /node_modules\/undici\/index\.js$/ }, () => ({ contents: undici }));
    // An import calls all getters of `node:http`, and one of them loads Node's own undici. `require` calls none.
    onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'required' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
    }));
  },
};
