import { containerEnv, type DataKind, type EnvSources, expandVariables } from './container-env.ts';
import { bridgeAddress } from './network.ts';
import type { Container, PodSpec } from './objects.ts';
import type { PodPlan } from './pods.ts';

/** The container whose image is this program, of whatever registry, tag or digest: it is run as it says. */
export function ownContainer({ containers }: PodSpec): Container | undefined {
  return containers.find(({ image = '' }) => /(?:^|\/)meshmock(?::[^/@]*)?(?:@.*)?$/.test(image));
}

/** How `meshmock serve` is run for a container. */
export interface ServeSettings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** No port for calls. */
  readonly metricsPort?: number;
}

/** Of a container with another image. */
export const noSettings: ServeSettings = { args: [], env: {} };

/**
 * What a container of our own image says to `meshmock serve`, without what is the bed's: where it listens, whom it
 * dials, where spans go, how it ends. Nothing else of its environment is taken over: it runs on this machine.
 *
 * @throws MeshmockError `usage` when something is taken from where nothing is
 */
export function serveSettings(container: Container, sources: EnvSources): ServeSettings {
  const variables = containerEnv(container, sources);
  const isTaken = ([name, value]: [string, string]): boolean =>
    value !== '' && settingVariable.test(name) && !bedVariable.test(name);
  const args = withoutBedFlags((serveWords(container) ?? []).map((word) => expandVariables(word, variables)));
  const env = Object.fromEntries(Object.entries(variables).filter(isTaken));
  const metricsAddress = /(?:^| )--metrics[= ](\S+)/.exec(args.join(' '))?.[1] ?? env.MESHMOCK_METRICS;
  const [, port] = /:(\d+)$/.exec(metricsAddress ?? '') ?? [];
  return { args, env, ...(port === undefined ? {} : { metricsPort: Number(port) }) };
}

const settingVariable = /^(?:MESHMOCK_.*|OTEL_.*|PROXYURL|SERVERCONTENT|SERVERCONTNET)$/;
const bedVariable = /^(?:MESHMOCK_(?:HTTP|GRPC|CONNECT_TO|DRAIN)|OTEL_EXPORTER_.*|OTEL_[A-Z]+_EXPORTER)$/;
const bedFlag = /^--?(?:http|grpc|listenAddress|connect-to|drain)(=|$)/;

function withoutBedFlags(words: readonly string[]): string[] {
  return words.filter((word, index) => {
    const [, behind] = bedFlag.exec(words[index - 1] ?? '') ?? [];
    return !bedFlag.test(word) && behind !== '';
  });
}

/** What stands behind `serve`, which is what the image does when nothing is said; undefined for anything else. */
function serveWords({ command = [], args = [] }: Container): readonly string[] | undefined {
  const words = [...command, ...args];
  const index = words.indexOf('serve');
  return index < 0 && words.length > 0 ? undefined : words.slice(index + 1);
}

/** What of a container of our own image is not done, in words for a person. */
export function ownLeftOut(container: Container): string[] {
  const { env = [], command = [], args = [] } = container;
  const ofResources = env.filter(({ valueFrom }) => valueFrom?.resourceFieldRef !== undefined);
  return [
    ...ofResources.map(({ name }) => `variable ${name} of its resources`),
    ...(serveWords(container) === undefined
      ? [`"${[...command, ...args].join(' ')}", in the place of which it serves`]
      : []),
  ];
}

/** The ConfigMaps and Secrets that the variables of a container are taken from, as `ConfigMap/NAME`. */
export function dataNamesOf({ env = [], envFrom = [] }: Container): string[] {
  const named = (kind: DataKind, reference: { readonly name: string } | undefined): string[] =>
    reference === undefined ? [] : [`${kind}/${reference.name}`];
  return [
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      ...named('ConfigMap', configMapRef),
      ...named('Secret', secretRef),
    ]),
    ...env.flatMap(({ valueFrom }) => [
      ...named('ConfigMap', valueFrom?.configMapKeyRef),
      ...named('Secret', valueFrom?.secretKeyRef),
    ]),
  ];
}

/**
 * A field of a pod for the downward API. It is on no node, unless its template names one, and in the zone of its label:
 * Kubernetes copies that from the node.
 */
export function podField(
  { plan, uid, address }: { readonly plan: PodPlan; readonly uid: string; readonly address: string },
  path: string,
): string | undefined {
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') return plan[map][key] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': plan.name,
    'metadata.namespace': plan.namespace,
    'metadata.uid': uid,
    'spec.nodeName': plan.spec.nodeName ?? '',
    'spec.serviceAccountName': plan.serviceAccount,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': bridgeAddress,
    'status.hostIPs': bridgeAddress,
  };
  return fields[path];
}
