import { optional } from '../../../error/optional.ts';
import { type ArgumentGroup, groupArguments } from '../../../options/argument-groups.ts';
import { flagOf, variableOf, variablesOf } from '../../../options/options.ts';
import { serveSchema } from '../../../serve/settings/serve-schema.ts';
import type { Container, PodSpec } from '../../resources/objects.ts';
import { resourceField } from '../../resources/resource-field.ts';
import { containerEnv, type EnvSources, expandVariables } from './container-env.ts';
import { echoFormOf } from './echo-image.ts';

/** Returns the container whose image is meshmock, of any registry, tag or digest. Its settings apply to the mock. */
export function meshmockContainer({ containers }: PodSpec): Container | undefined {
  return containers.find(({ image = '' }) => /(?:^|\/)meshmock(?::[^/@]*)?(?:@.*)?$/.test(image));
}

/** Settings of a mock: arguments and variables of its `meshmock serve`. */
export interface MockSettings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Port of `/metrics`, which does not accept calls. */
  readonly metricsPort?: number;
}

/** Returns the settings of a mock in place of another image. A mock in place of an echo server has its form. */
export function settingsOfImages({ containers }: PodSpec): MockSettings {
  const [form] = containers.flatMap((container) => echoFormOf(container) ?? []);
  return { args: form === undefined ? [] : [`${flagOf('replyForm' satisfies SettingName)}=${form}`], env: {} };
}

type SettingName = keyof typeof serveSchema;

/**
 * Settings that the local mesh decides: where a mock listens, which addresses it dials, how it ends, and its files, because
 * those of a container do not exist.
 */
const meshSettings: readonly SettingName[] = [
  'http',
  'grpc',
  'tcp',
  'tls',
  'tlsCert',
  'tlsKey',
  'tlsClientCa',
  'tlsCa',
  'connectTo',
  'servicePort',
  'drain',
  'proto',
];

const isMeshSetting = (name: string): boolean => meshSettings.some((known) => known === name);

/** Environment variables that a mock takes from its container, besides those of OpenTelemetry. */
const mockVariables = new Set(
  Object.entries(serveSchema).flatMap(([name, option]) => (isMeshSetting(name) ? [] : variablesOf(name, option))),
);

/** Reports whether a variable is of OpenTelemetry, and does not say where spans go: the local mesh decides that. */
function isTelemetryVariable(name: string): boolean {
  return name.startsWith('OTEL_') && !/^OTEL_(?:EXPORTER_.*|[A-Z]+_EXPORTER)$/.test(name);
}

/**
 * Returns the settings that a container of meshmock gives to `meshmock serve`. Settings that the local mesh decides are
 * left out, and so are all other variables: the mock runs on this machine.
 *
 * @throws MeshmockError `usage` if a variable comes from a source that does not exist
 */
export function mockSettings(container: Container, sources: EnvSources): MockSettings {
  const variables = containerEnv(container, sources);
  const words = (serveArguments(container) ?? []).map((word) => expandVariables(word, variables));
  const groups = groupArguments(serveSchema, words).filter(
    (group) => group.kind === 'other' || !isMeshSetting(group.name),
  );
  const env = Object.fromEntries(
    Object.entries(variables).filter(
      ([name, value]) => value !== '' && (mockVariables.has(name) || isTelemetryVariable(name)),
    ),
  );
  const address = lastValueOf('metrics', groups) ?? env[variableOf('metrics')];
  const [, port] = /:(\d+)$/.exec(address ?? '') ?? [];
  return {
    args: groups.flatMap(({ args }) => args),
    env,
    ...optional('metricsPort', port === undefined ? undefined : Number(port)),
  };
}

function lastValueOf(setting: SettingName, groups: readonly ArgumentGroup<SettingName>[]): string | undefined {
  return groups.flatMap((group) => (group.kind === 'setting' && group.name === setting ? [group.value] : [])).at(-1);
}

/**
 * Returns the arguments after `serve`. The image serves if its container gives no command. Returns undefined for any
 * other command.
 */
function serveArguments({ command = [], args = [] }: Container): readonly string[] | undefined {
  const words = [...command, ...args];
  const index = words.indexOf('serve');
  return index < 0 && words.length > 0 ? undefined : words.slice(index + 1);
}

/** Returns a line for each part of a container of meshmock that the local mesh leaves out. */
export function containerLeftOut(container: Container): string[] {
  const { env = [], command = [], args = [] } = container;
  const unset = env.flatMap(({ name, valueFrom: { resourceFieldRef: reference } = {} }) =>
    reference === undefined || resourceField(container, reference) !== undefined
      ? []
      : [`variable ${name}: the container does not set ${reference.resource}`],
  );
  const commandLine = [...command, ...args].join(' ');
  return [
    ...unset,
    ...(serveArguments(container) === undefined ? [`command "${commandLine}": meshmock serve runs instead`] : []),
  ];
}
