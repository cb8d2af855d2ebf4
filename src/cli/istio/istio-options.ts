import { MeshmockError } from '../../error/meshmock-error.ts';
import { defaultMesh } from '../../istio/control-client.ts';
import { parseAddress } from '../../plan/address.ts';
import { label, text } from '../options/option-values.ts';
import { parseOptions, type Schema, type Values } from '../options/options.ts';
import { parseLogLevel } from '../serve/serve-options.ts';

const file = {
  parse: text,
  value: 'FILE',
  help: 'manifests: a file, a folder, or - for standard input',
  repeatable: true,
  aliases: ['-f'],
} as const;

const namespace = {
  parse: label,
  value: 'NAME',
  help: 'the namespace of objects that say none',
  aliases: ['-n'],
} as const;

/** Which of several meshes on one machine. */
const mesh = { parse: label, default: defaultMesh, value: 'NAME', help: 'which mesh, when there are several' } as const;

export const istioUpSchema = {
  file: { ...file, help: `${file.help}; the demo if not given` },
  fill: { isSwitch: true, help: 'add a mock for every destination that no workload stands behind' },
  http: {
    parse: parseAddress,
    default: 'localhost:8080',
    value: 'ADDRESS',
    help: 'where the first service is called from outside; the others have the ports behind it',
  },
  grpc: { parse: parseAddress, value: 'ADDRESS', help: 'the same for gRPC; the HTTP port + 1010 if not given' },
  jaeger: {
    parse: parseAddress,
    default: 'localhost:16686',
    value: 'ADDRESS',
    help: 'where Jaeger is asked from outside',
  },
  namespace: { ...namespace, default: 'default' },
  mesh,
  logLevel: { parse: parseLogLevel, default: 'warn', value: 'LEVEL', help: 'how much the services log' },
  seed: { parse: text, value: 'TEXT', help: 'makes what directives leave to chance the same in every run' },
} as const;

export const istioChangeSchema = {
  file,
  namespace: { ...namespace, help: `${namespace.help}; that of the start if not given` },
  mesh,
} as const;

export const istioMeshSchema = { mesh } as const;

/** @throws MeshmockError `usage`; a file without its flag too, since the demo is not what was meant */
export function readIstioOptions<S extends Schema>(schema: S, args: readonly string[]): Values<S> {
  const { values, positionals } = parseOptions(schema, args, {});
  const [stray] = positionals;
  if (stray === undefined) return values;
  const hint = 'file' in schema ? `: each file needs its own flag, as in -f ${stray}, or give the folder` : '';
  throw new MeshmockError('usage', `"${stray}" is no flag${hint}`);
}
