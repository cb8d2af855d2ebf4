import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { nearestOrAll } from '../../error/suggestion.ts';
import { askMesh } from '../../istio/host/control-client.ts';
import { endMesh } from '../../istio/host/mesh-folder.ts';
import { folderOf } from '../../istio/host/mesh-places.ts';
import type { ApplyReport } from '../../istio/local-mesh/local-mesh.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { readManifestSources } from '../files/manifest-sources.ts';
import type { Command } from '../options/command.ts';
import { formatHelp, type HelpText, twoColumns } from '../options/help.ts';
import { istioChangeSchema, istioMeshSchema, istioUpSchema, readIstioOptions } from './istio-options.ts';
import { entryLines, objectLines, pageLines, reportLines } from './istio-report.ts';
import { istioTools, istioToolsHelp } from './istio-tools.ts';
import { istioUp } from './istio-up.ts';

const help: HelpText = {
  usage: ['istio COMMAND [OPTIONS]'],
  summary: 'Runs a real Istio on this machine, without a cluster.',
  about: [
    'meshmock runs in place of each image that a Deployment names. It needs Linux, and root or user namespaces. The control plane of Kubernetes, istiod, Envoy and Jaeger are built or fetched once, into ~/.cache/meshmock/tools (MESHMOCK_TOOLS).',
  ],
  sections: [
    {
      title: 'Commands',
      text: twoColumns([
        ['up [-f FILE]…', 'starts istiod, a pod with a sidecar per replica, gateways and Jaeger'],
        ['apply -f FILE…', 'applies manifests and waits until each sidecar has them in effect'],
        ['delete -f FILE…', 'deletes objects and waits until no sidecar has them any more'],
        ['wait', 'waits until each sidecar has in effect what kubectl and others applied'],
        ['kubeconfig', 'prints a kubeconfig for kubectl, istioctl, helm and others'],
        ['env', 'prints a shell command that makes kubectl and others use the mesh'],
        ['status', 'lists the addresses and the pods of the mesh'],
        ['down', 'stops the mesh'],
        ['tools', 'lists, installs or removes the programs of a mesh'],
      ]),
    },
  ],
  examples: ['meshmock istio up', 'meshmock istio apply -f route.yaml', 'meshmock istio down'],
  notes: ['"meshmock istio COMMAND --help" lists the options of a command.'],
};

const subcommands: Readonly<Record<string, HelpText>> = {
  up: {
    usage: ['istio up [OPTIONS]'],
    summary: 'Starts a mesh, and runs it until Ctrl-C or "meshmock istio down".',
    about: ['The mesh has istiod, a pod with a sidecar per replica, gateways and Jaeger.'],
    schema: istioUpSchema,
    examples: ['meshmock istio up', 'meshmock istio up -f k8s/ --fill', 'meshmock istio up -f - --mesh staging'],
  },
  apply: {
    usage: ['istio apply [OPTIONS] -f FILE…'],
    summary: 'Applies manifests, and returns when each sidecar has them in effect.',
    schema: istioChangeSchema,
    examples: ['meshmock istio apply -f route.yaml', 'kubectl kustomize . | meshmock istio apply -f -'],
  },
  delete: {
    usage: ['istio delete [OPTIONS] -f FILE…'],
    summary: 'Deletes the objects of manifests, and returns when no sidecar has them any more.',
    schema: istioChangeSchema,
    examples: ['meshmock istio delete -f route.yaml'],
  },
  wait: {
    usage: ['istio wait [OPTIONS]'],
    summary: 'Waits until each sidecar has in effect what kubectl and others applied.',
    schema: istioMeshSchema,
    examples: ['kubectl apply -f route.yaml && meshmock istio wait'],
  },
  kubeconfig: {
    usage: ['istio kubeconfig [OPTIONS]'],
    summary: "Prints a kubeconfig of the mesh's API server.",
    schema: istioMeshSchema,
    examples: ['meshmock istio kubeconfig > mesh.yaml', 'kubectl --kubeconfig mesh.yaml get pods -A'],
  },
  env: {
    usage: ['istio env [OPTIONS]'],
    summary: 'Prints a shell command that makes kubectl, istioctl and helm use the mesh.',
    schema: istioMeshSchema,
    examples: ['eval "$(meshmock istio env)"', 'kubectl get pods'],
  },
  status: {
    usage: ['istio status [OPTIONS]'],
    summary: 'Lists the addresses of the mesh and its pods.',
    schema: istioMeshSchema,
    examples: ['meshmock istio status', 'meshmock istio status --mesh staging'],
  },
  tools: istioToolsHelp,
  down: {
    usage: ['istio down [OPTIONS]'],
    summary: 'Stops the mesh.',
    schema: istioMeshSchema,
    examples: ['meshmock istio down', 'meshmock istio down --mesh staging'],
  },
};

export const istioCommand: Command = { help, subcommands, run: istio };

/** Writes a kubeconfig into the folder of a mesh, and returns its path. Only its user can read it. */
function writeKubeconfig(mesh: string, text: string): string {
  const file = path.join(folderOf(mesh), 'kubeconfig');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Never aborts: the mesh itself bounds these requests, and Ctrl-C ends this process. */
const never = new AbortController().signal;

/**
 * Runs a subcommand.
 *
 * @throws MeshmockError `usage`, or the error of the mesh
 */
export async function istio(args: readonly string[]): Promise<void> {
  const [command = '', ...rest] = args;
  switch (command) {
    case 'up':
      return istioUp(rest);
    case 'apply':
    case 'delete':
      return change(command, rest);
    case 'wait': {
      const values = readIstioOptions(istioMeshSchema, rest);
      const { report } = await askMesh(values.mesh, { kind: 'wait' }, never);
      return printReport(report);
    }
    case 'status': {
      const values = readIstioOptions(istioMeshSchema, rest);
      const { pods, ports, pageUrl } = await askMesh(values.mesh, { kind: 'status' }, never);
      const podLines = pods.map(
        ({ name, namespace, address, role, hasSidecar }) =>
          `${namespace}/${name}  ${address}  ${role}${hasSidecar ? '' : ', no sidecar'}`,
      );
      const pageBlock = pageUrl === undefined ? [] : ['', ...pageLines(pageUrl)];
      process.stdout.write(`${[...entryLines(ports, pods), ...pageBlock, '', ...podLines].join('\n')}\n`);
      return;
    }
    case 'kubeconfig':
    case 'env': {
      const values = readIstioOptions(istioMeshSchema, rest);
      const { text } = await askMesh(values.mesh, { kind: 'kubeconfig' }, never);
      process.stdout.write(command === 'env' ? `export KUBECONFIG=${writeKubeconfig(values.mesh, text)}\n` : text);
      return;
    }
    case 'down': {
      const values = readIstioOptions(istioMeshSchema, rest);
      await endMesh(values.mesh, never);
      process.stdout.write('the mesh has stopped\n');
      return;
    }
    case 'tools':
      return istioTools(rest);
    case '':
      process.stdout.write(`${formatHelp(help)}\n`);
      return;
    default:
      throw new MeshmockError(
        'usage',
        `unknown subcommand "${command}" of istio${nearestOrAll(command, 'subcommands', Object.keys(subcommands))}`,
      );
  }
}

async function change(kind: 'apply' | 'delete', args: readonly string[]): Promise<void> {
  const values = readIstioOptions(istioChangeSchema, args);
  if (values.file.length === 0) throw new MeshmockError('usage', `name the manifests to ${kind} with -f FILE`);
  const sources = readManifestSources(values.file);
  const { mesh, namespace } = values;
  const controlRequest = { kind, sources, ...optional('namespace', namespace) };
  const { report } = await askMesh(mesh, controlRequest, never);
  printReport(report, sources, namespace);
}

function printReport(report: ApplyReport, sources: readonly ManifestSource[] = [], namespace?: string): void {
  for (const line of reportLines(report, sources, namespace)) process.stderr.write(`${line}\n`);
  for (const line of objectLines(report)) process.stdout.write(`${line}\n`);
  process.stdout.write(`in effect after ${Math.round(report.durationMs)} ms\n`);
}
