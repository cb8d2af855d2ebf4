import { optional } from '../../../error/optional.ts';
import { type ArgumentGroup, groupArguments } from '../../../options/argument-groups.ts';
import { flagOf, variableOf, variablesOf } from '../../../options/options.ts';
import { serveSchema } from '../../../serve/settings/serve-schema.ts';
import type { Container, Labels, PodSpec } from '../../resources/objects.ts';
import { resourceField } from '../../resources/resource-field.ts';
import { containerEnv, type EnvSources, expandVariables } from './container-env.ts';
import { echoFormOf } from './echo-image.ts';
import { isFileSetting, mountOfFile } from './mock-files.ts';

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

/** Settings that the local mesh decides: where a mock listens, which addresses it dials, and how it ends. */
const meshSettings: readonly SettingName[] = ['http', 'grpc', 'tcp', 'tls', 'connectTo', 'servicePort', 'drain'];

const isMeshSetting = (name: string): boolean => meshSettings.some((known) => known === name);

/** Environment variables that a mock takes from its container, besides those of OpenTelemetry. */
const mockVariables = new Set(
  Object.entries(serveSchema).flatMap(([name, option]) =>
    isMeshSetting(name) || isFileSetting(name) ? [] : variablesOf(name, option),
  ),
);

/** Reports whether a variable is of OpenTelemetry, and does not say where spans go: the local mesh decides that. */
function isTelemetryVariable(name: string): boolean {
  return name.startsWith('OTEL_') && !/^OTEL_(?:EXPORTER_.*|[A-Z]+_EXPORTER)$/.test(name);
}

/** Setting of a container whose value is the path of a file, with this path. */
interface NamedFile {
  readonly setting: SettingName;
  readonly file: string;
}

/**
 * Returns the settings that a container of meshmock gives to `meshmock serve`. Settings that the local mesh decides are
 * left out, and so are all other variables: the mock runs on this machine.
 *
 * @param placeOf returns the place of a file of the container on this machine, or undefined if it does not exist
 * @throws MeshmockError `usage` if a variable comes from a source that does not exist
 */
export function mockSettings(
  container: Container,
  sources: EnvSources,
  placeOf: (file: string) => string | undefined,
): MockSettings {
  const variables = containerEnv(container, sources);
  const groups = serveGroups(container, variables).filter(
    (group) => group.kind === 'other' || !(isMeshSetting(group.name) || isFileSetting(group.name)),
  );
  const env = Object.fromEntries(
    Object.entries(variables).filter(
      ([name, value]) => value !== '' && (mockVariables.has(name) || isTelemetryVariable(name)),
    ),
  );
  const address = lastValueOf('metrics', groups) ?? env[variableOf('metrics')];
  const [, port] = /:(\d+)$/.exec(address ?? '') ?? [];
  const files = filesOf(container, variables).flatMap(({ setting, file }) => {
    const place = placeOf(file);
    return place === undefined ? [] : [`${flagOf(setting)}=${place}`];
  });
  return {
    args: [...groups.flatMap(({ args }) => args), ...files],
    env,
    ...optional('metricsPort', port === undefined ? undefined : Number(port)),
  };
}

function serveGroups(container: Container, variables: Labels): ArgumentGroup<SettingName>[] {
  const words = (serveArguments(container) ?? []).map((word) => expandVariables(word, variables));
  return groupArguments(serveSchema, words);
}

/** Returns the files that a container of meshmock names in its flags, or else in its variables. */
export function filesOf(container: Container, variables: Labels): NamedFile[] {
  const groups = serveGroups(container, variables);
  return (Object.keys(serveSchema) as SettingName[]).filter(isFileSetting).flatMap((setting) => {
    const values = groups.flatMap((group) =>
      group.kind === 'setting' && group.name === setting && group.value !== undefined ? [group.value] : [],
    );
    // A variable that repeats a setting separates its values by spaces.
    const files = values.length > 0 ? values : (variables[variableOf(setting)]?.split(/\s+/) ?? []);
    return files.filter((file) => file !== '').map((file) => ({ setting, file }));
  });
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

/**
 * Returns a line for each part of a container of meshmock that the local mesh leaves out.
 *
 * @param spec pod of the container
 */
export function containerLeftOut(container: Container, spec: Pick<PodSpec, 'volumes'> = {}): string[] {
  const { env = [], command = [], args = [] } = container;
  const files = filesOf(container, literalVariables(container)).flatMap(({ setting, file }) =>
    mountOfFile(spec, container, file) === undefined
      ? [`${flagOf(setting)} ${file}: mount it from a ConfigMap or a Secret, without a subPath`]
      : [],
  );
  const unset = env.flatMap(({ name, valueFrom: { resourceFieldRef: reference } = {} }) =>
    reference === undefined || resourceField(container, reference) !== undefined
      ? []
      : [`variable ${name}: the container does not set ${reference.resource}`],
  );
  const commandLine = [...command, ...args].join(' ');
  return [
    ...unset,
    ...files,
    ...(serveArguments(container) === undefined ? [`command "${commandLine}": meshmock serve runs instead`] : []),
  ];
}

/** Returns the variables of a container that have their values in its YAML. */
export function literalVariables({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(env.flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value]] : [])));
}

/**
 * Returns the mounts of a container whose files its flags or variables name.
 *
 * @param variables variables of the container; without them, those that have their values in its YAML
 */
export function mountsOfFiles(
  container: Container,
  spec: PodSpec,
  variables: Labels = literalVariables(container),
): NonNullable<Container['volumeMounts']> {
  const mounts = filesOf(container, variables).map(({ file }) => mountOfFile(spec, container, file));
  return [...new Set(mounts.filter((mount) => mount !== undefined))];
}
