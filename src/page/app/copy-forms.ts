import { calledServices } from '../../manifests/called-services.ts';
import { manifestsOf, writeManifests } from '../../manifests/manifests.ts';
import { parsePath } from '../../plan/parse.ts';
import type { Reply } from '../../reply/reply.ts';
import { type PlanForm, writeCommand } from '../../send/forms/plan-forms.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import { callGraph } from '../model/call-graph.ts';
import type { CallRow } from '../model/call-rows.ts';
import { mermaid } from '../model/mermaid.ts';
import type { PageData } from '../model/page-data.ts';
import type { Run } from '../model/run.ts';
import { testCase } from '../model/test-case.ts';
import type { CopyForm } from '../view/copy-menu.ts';
import { urlOf } from './run-plan.ts';

/** Returns the forms in which a run can be copied. */
export function copyForms({ path }: Run, reply: Reply, root: CallRow, data: PageData): CopyForm[] {
  const command = (form: PlanForm) => (): string => planCommand(path, form, data);
  return [
    { label: 'URL', text: () => urlOf(path) },
    { label: 'curl', text: command('curl') },
    { label: 'grpcurl', text: command('grpcurl') },
    { label: 'plan as JSON', text: command('json') },
    { label: 'answer as JSON', text: () => JSON.stringify(reply, undefined, 2) },
    { label: 'Mermaid', text: () => mermaid(root) },
    { label: 'test case', text: () => testCase(path, root) },
    { label: 'manifests', text: () => manifests(path, reply) },
  ];
}

function planCommand(path: string, form: PlanForm, { grpcPort }: PageData): string {
  const { hostname, port, protocol } = location;
  const isTls = protocol === 'https:';
  const http = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (isTls ? 443 : 80) };
  const text = writeCommand({ form: 'path', plan: parsePath(path), http, isTls, headers: [] }, form);
  // The command has the usual port of gRPC, and the service has said its own.
  return form === 'grpcurl' && !isTls ? text.replace(/:\d+ (?=\S+$)/, `:${grpcPort} `) : text;
}

/** Returns Kubernetes objects for the services of a plan, with the versions that have answered. */
function manifests(path: string, reply: Reply): string {
  const entry = { host: reply.service, scheme: 'http', port: 8080 } as const;
  const { services, skipped } = calledServices([parsePath(path)], [entry]);
  const versions = new Map(callGraph(reply).nodes.map((node) => [node.name, [...node.versions.keys()]]));
  const placed = services.map((service) => {
    const seen = versions.get(service.name) ?? [];
    return { ...service, versions: (seen.length === 0 ? ['v1'] : seen).map((version) => ({ version, replicas: 1 })) };
  });
  const objects = manifestsOf(placed, { image: 'meshmock', istio: false, allowTargets: [], denyTargets: [] });
  const notes = skipped.map(({ target, reason }) => `${target} is skipped: ${reason}`);
  return writeManifests(objects, [`meshmock manifests ${quoteWord(path)}`, ...notes].join('\n'));
}
