import { optional } from '../error/optional.ts';
import { containerEnv, type DataKind, type EnvSources, expandVariables } from './container-env.ts';
import type { Container, PodSpec } from './objects.ts';

/** Returns the container of a pod whose image is meshmock, in any registry and with any tag or digest. */
export function meshmockContainer({ containers }: PodSpec): Container | undefined {
  return containers.find(({ image = '' }) => /(?:^|\/)meshmock(?::[^/@]*)?(?:@.*)?$/.test(image));
}

/** Settings with which `meshmock serve` runs in place of a container. */
export interface ServeSettings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Port of the metrics, which does not accept calls. */
  readonly metricsPort?: number;
}

/** Settings for a container with another image than meshmock. */
export const noSettings: ServeSettings = { args: [], env: {} };

/**
 * Returns the settings of a meshmock container for `meshmock serve`. The local mesh itself sets the addresses on which
 * the mock listens and which it dials, where its spans go, and how it drains. Other variables are dropped, because the
 * mock runs directly on this machine.
 *
 * @throws MeshmockError `usage` if the source of a variable does not exist
 */
export function serveSettings(container: Container, sources: EnvSources): ServeSettings {
  const variables = containerEnv(container, sources);
  const isSetting = ([name, value]: [string, string]): boolean =>
    value !== '' && settingVariable.test(name) && !meshVariable.test(name);
  const args = withoutMeshFlags((serveArguments(container) ?? []).map((word) => expandVariables(word, variables)));
  const env = Object.fromEntries(Object.entries(variables).filter(isSetting));
  const metricsAddress = /(?:^| )--metrics[= ](\S+)/.exec(args.join(' '))?.[1] ?? env.MESHMOCK_METRICS;
  const [, port] = /:(\d+)$/.exec(metricsAddress ?? '') ?? [];
  return { args, env, ...optional('metricsPort', port === undefined ? undefined : Number(port)) };
}

/** Variables that `meshmock serve` reads. */
const settingVariable = /^(?:MESHMOCK_.*|OTEL_.*|PROXYURL|SERVERCONTENT|SERVERCONTNET)$/;
/** Variables that the local mesh sets itself. */
const meshVariable = /^(?:MESHMOCK_(?:HTTP|GRPC|CONNECT_TO|DRAIN)|OTEL_EXPORTER_.*|OTEL_[A-Z]+_EXPORTER)$/;
/** Flags that the local mesh sets itself. */
const meshFlag = /^--?(?:http|grpc|listenAddress|connect-to|drain)(=|$)/;

function withoutMeshFlags(words: readonly string[]): string[] {
  return words.filter((word, index) => {
    const [, end] = meshFlag.exec(words[index - 1] ?? '') ?? [];
    const isValueOfMeshFlag = end === '';
    return !meshFlag.test(word) && !isValueOfMeshFlag;
  });
}

/**
 * Returns the arguments of a container after `serve`. A container without a command and arguments runs `serve`, as the
 * image does. The result is undefined for any other command.
 */
function serveArguments({ command = [], args = [] }: Container): readonly string[] | undefined {
  const words = [...command, ...args];
  const index = words.indexOf('serve');
  return index < 0 && words.length > 0 ? undefined : words.slice(index + 1);
}

/** Returns a line for each part of a meshmock container that the local mesh leaves out. */
export function containerLeftOut(container: Container): string[] {
  const { env = [], command = [], args = [] } = container;
  const fromResources = env.filter(({ valueFrom }) => valueFrom?.resourceFieldRef !== undefined);
  const commandLine = [...command, ...args].join(' ');
  return [
    ...fromResources.map(({ name }) => `variable ${name}, whose value comes from resources`),
    ...(serveArguments(container) === undefined ? [`command "${commandLine}": meshmock serve runs instead`] : []),
  ];
}

/** Returns the ConfigMaps and Secrets that the variables of a container use, as `ConfigMap/NAME`. */
export function usedDataNames({ env = [], envFrom = [] }: Container): string[] {
  const nameOf = (kind: DataKind, reference: { readonly name: string } | undefined): string[] =>
    reference === undefined ? [] : [`${kind}/${reference.name}`];
  return [
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [
      ...nameOf('ConfigMap', configMapRef),
      ...nameOf('Secret', secretRef),
    ]),
    ...env.flatMap(({ valueFrom }) => [
      ...nameOf('ConfigMap', valueFrom?.configMapKeyRef),
      ...nameOf('Secret', valueFrom?.secretKeyRef),
    ]),
  ];
}
