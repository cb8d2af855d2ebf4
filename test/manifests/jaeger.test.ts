import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { toolPath } from '../mesh/tools.ts';
import { root } from './tools.ts';

describe('the configuration of the Jaeger in kubernetes/jaeger', () => {
  it('passes the validation of Jaeger', async () => {
    const config = path.join(root, 'kubernetes/jaeger/config.yaml');
    await promisify(execFile)(await toolPath('jaeger'), ['validate', '--config', config]);
  });
});
