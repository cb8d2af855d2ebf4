import { MeshmockError } from '../../error/meshmock-error.ts';
import { defaultMesh } from '../../istio/host/control-client.ts';
import { label, text } from '../../options/option-values.ts';
import { parseOptions, type Schema, type Values } from '../../options/options.ts';
import { parseAddress } from '../../plan/address.ts';
import { meshSchema } from '../../serve/settings/mesh-schema.ts';
import { serveSchema } from '../../serve/settings/serve-schema.ts';
import { meshOptions } from '../options/mesh-options.ts';

const file = {
  parse: text,
  value: 'FILE',
  help: 'file or folder of manifests; - is standard input',
  repeatable: true,
  isPath: true,
  aliases: ['-f'],
} as const;

const namespace = {
  parse: label,
  value: 'NAME',
  help: 'namespace of objects without one',
  aliases: ['-n'],
} as const;

/** The path of a socket has the name in it, and at most 107 bytes (unix(7)). */
const maxMeshName = 63;

/** Parses the name of a mesh. @throws MeshmockError `usage` */
function meshName(value: string): string {
  if (value.length <= maxMeshName) return label(value);
  throw new MeshmockError(
    'usage',
    `the name of a mesh has at most ${maxMeshName} letters, and this has ${value.length}`,
  );
}

/** Name of one of several meshes on a machine. */
const mesh = {
  parse: meshName,
  default: defaultMesh,
  value: 'NAME',
  help: 'name of the mesh, if several are up',
} as const;

export const istioUpSchema = {
  file: { ...file, help: 'file or folder of manifests; - is standard input; the demo if not set' },
  fill: { isSwitch: true, help: 'add a mock for each destination without a workload' },
  ...meshOptions,
  http: meshSchema.http,
  grpc: meshSchema.grpc,
  jaeger: {
    parse: parseAddress,
    default: 'localhost:16686',
    value: 'ADDRESS',
    help: 'address of Jaeger',
  },
  metrics: {
    parse: parseAddress,
    default: 'localhost:15090',
    value: 'ADDRESS',
    help: "address of Istio's metrics, for Prometheus",
  },
  kubernetes: {
    parse: parseAddress,
    default: 'localhost:0',
    value: 'ADDRESS',
    help: 'address of the API server; port 0 is any free port',
  },
  page: meshSchema.page,
  noPage: meshSchema.noPage,
  traceUrl: meshSchema.traceUrl,
  graphUrl: { ...serveSchema.graphUrl, help: 'link of the page to a graph, with `{namespace}` and `{service}`' },
  namespace: { ...namespace, default: 'default' },
  mesh,
  logLevel: meshSchema.logLevel,
  seed: meshSchema.seed,
} as const;

export const istioChangeSchema = {
  file,
  namespace: { ...namespace, help: 'namespace of objects without one; that of the start if not set' },
  mesh,
} as const;

export const istioMeshSchema = { mesh } as const;

/**
 * Reads the options of a subcommand.
 *
 * @throws MeshmockError `usage`, also for a file without its flag, which would start the demo
 */
export function readIstioOptions<S extends Schema>(
  schema: S,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Values<S> {
  const { values, positionals } = parseOptions(schema, args, env);
  const [stray] = positionals;
  if (stray === undefined) return values;
  const hint = Object.hasOwn(schema, 'file') ? `; each file needs its own flag (-f ${stray}), or use a folder` : '';
  throw new MeshmockError('usage', `unexpected argument "${stray}"${hint}`);
}
