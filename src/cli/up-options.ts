import { parseAddress } from '../serve/address.ts';
import { parseLogLevel } from './serve-options.ts';

export const upSchema = {
  http: {
    parse: parseAddress,
    default: 'localhost:8080',
    value: 'ADDRESS',
    help: 'where the gateway listens for HTTP; the services have the ports behind it',
  },
  grpc: { parse: parseAddress, value: 'ADDRESS', help: 'the same for gRPC; the HTTP port + 1010 if not given' },
  logLevel: { parse: parseLogLevel, default: 'warn', value: 'LEVEL', help: 'how much the services log' },
} as const;
