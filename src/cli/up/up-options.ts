import { parseAddress } from '../../plan/address.ts';
import { text } from '../options/option-values.ts';
import { parseLogLevel } from '../serve/serve-options.ts';

export const upSchema = {
  http: {
    parse: parseAddress,
    default: 'localhost:8080',
    value: 'ADDRESS',
    help: 'where the first service listens for HTTP; the others have the ports behind it',
  },
  grpc: { parse: parseAddress, value: 'ADDRESS', help: 'the same for gRPC; the HTTP port + 1010 if not given' },
  logLevel: { parse: parseLogLevel, default: 'warn', value: 'LEVEL', help: 'how much the services log' },
  seed: {
    parse: text,
    value: 'TEXT',
    help: 'makes what directives leave to chance the same in every run',
  },
} as const;
