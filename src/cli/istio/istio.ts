import { MeshmockError } from '../../error/meshmock-error.ts';
import { askMesh } from '../../istio/control-client.ts';
import { endMesh } from '../../istio/mesh-folder.ts';
import { readManifestSources } from '../files/manifest-sources.ts';
import { helpOf } from '../options/options.ts';
import { istioChangeSchema, istioMeshSchema, istioUpSchema, readIstioOptions } from './istio-options.ts';
import { entryLines, objectLines, reportLines } from './istio-report.ts';
import { istioUp } from './istio-up.ts';

export const istioHelp = `meshmock istio: a real Istio on this machine, without a cluster

  meshmock istio up [-f FILE]…      istiod, a pod with a sidecar for each replica, gateways, Jaeger
  meshmock istio apply -f FILE…     back when every sidecar has it in effect
  meshmock istio delete -f FILE…    back when no sidecar has it any more
  meshmock istio status             how it is called, and the pods that run
  meshmock istio down               ends it

Whatever image a Deployment names, meshmock runs in its place. Needs Linux and root; istiod, pilot-agent, Envoy and
Jaeger are built or fetched once, into ~/.cache/meshmock/tools (MESHMOCK_TOOLS).

up:
${helpOf(istioUpSchema)}

apply, delete:
${helpOf(istioChangeSchema)}`;

/** What these ask for is bounded by the mesh itself, and Ctrl-C ends this process. */
const never = new AbortController().signal;

const commands = ['up', 'apply', 'delete', 'status', 'down'];

/** @throws MeshmockError `usage` */
export async function istio(args: readonly string[]): Promise<void> {
  const [command = '', ...rest] = args;
  switch (command) {
    case 'up':
      return istioUp(rest);
    case 'apply':
    case 'delete':
      return change(command, rest);
    case 'status': {
      const values = readIstioOptions(istioMeshSchema, rest);
      const { pods, ports } = await askMesh(values.mesh, { kind: 'status' }, never);
      const podLines = pods.map(
        ({ name, namespace, address, role, hasSidecar }) =>
          `${namespace}/${name}  ${address}  ${role}${hasSidecar ? '' : ', no sidecar'}`,
      );
      process.stdout.write(`${[...entryLines(ports, pods), '', ...podLines].join('\n')}\n`);
      return;
    }
    case 'down': {
      const values = readIstioOptions(istioMeshSchema, rest);
      await endMesh(values.mesh, never);
      process.stdout.write('the mesh has ended\n');
      return;
    }
    case '':
      process.stdout.write(`${istioHelp}\n`);
      return;
    default:
      throw new MeshmockError('usage', `"${command}" is nothing that istio does: there are ${commands.join(', ')}`);
  }
}

async function change(kind: 'apply' | 'delete', args: readonly string[]): Promise<void> {
  const values = readIstioOptions(istioChangeSchema, args);
  if (values.file.length === 0) throw new MeshmockError('usage', `say what to ${kind}: -f FILE`);
  const sources = readManifestSources(values.file);
  const { mesh, namespace } = values;
  const controlRequest = { kind, sources, ...(namespace === undefined ? {} : { namespace }) };
  const { report } = await askMesh(mesh, controlRequest, never);
  for (const line of reportLines(report)) process.stderr.write(`${line}\n`);
  for (const line of objectLines(report)) process.stdout.write(`${line}\n`);
  process.stdout.write(`in effect after ${Math.round(report.durationMs)} ms\n`);
}
