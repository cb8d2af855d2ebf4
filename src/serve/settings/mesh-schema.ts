import { text } from '../../options/option-values.ts';
import { parseAddress } from '../../plan/address.ts';
import { logLevels, parseLogLevel } from './log-level.ts';
import { serveSchema } from './serve-schema.ts';

/** Options that the local process mesh and the local Istio mesh share: addresses and settings of all their services. */
export const meshSchema = {
  http: {
    parse: parseAddress,
    default: 'localhost:8080',
    value: 'ADDRESS',
    help: 'HTTP address of the first service; the others get the ports after it',
  },
  grpc: { parse: parseAddress, value: 'ADDRESS', help: 'the same for gRPC; the HTTP port + 1010 if not set' },
  page: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: "address of the mesh's page; localhost:20080, or any free port, if not set",
  },
  noPage: { isSwitch: true, help: 'serve no page of the mesh' },
  traceUrl: { ...serveSchema.traceUrl, help: 'link of the page to a trace, with `{traceId}`' },
  logLevel: {
    parse: parseLogLevel,
    default: 'warn',
    value: 'LEVEL',
    help: 'log level of the services',
    choices: logLevels,
  },
  seed: {
    parse: text,
    value: 'TEXT',
    help: 'makes random choices of directives the same in every run',
  },
} as const;
