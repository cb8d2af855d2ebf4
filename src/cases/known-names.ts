import { MeshmockError } from '../error/meshmock-error.ts';
import { nearestOrAll } from '../error/suggestion.ts';
import { entryName, findByName } from '../istio/resources/entry-names.ts';
import { gatewayName, gatewayNamespace, isIstioGateway, selectorOrDefault } from '../istio/resources/gateways.ts';
import { isScalable, isService, type KubeObject, type Labels, namespaceOf } from '../istio/resources/objects.ts';
import { type CaseFile, type NamedPart, outsideName } from './case.ts';
import { jobTemplateOf, templateOf } from './entry-clients.ts';

/** Names that a mesh has, by the kind of the part that may name them. */
interface KnownNames extends Readonly<Record<NamedPart['kind'], readonly string[]>> {
  /** True if the manifests install Istio themselves, and so may add gateways. */
  readonly isInstalled: boolean;
}

/**
 * Returns an error for each name of a file that is not one of its manifests. `fill` adds Services, so its files have only
 * errors about workloads.
 *
 * @param given objects of all manifests of the file, with those of its change
 */
export function nameErrors(file: CaseFile, given: readonly KubeObject[]): MeshmockError[] {
  const { namespace } = file;
  const known = knownNames(
    given.map((object) => ({ ...object, metadata: { namespace, ...object.metadata } })),
    file,
  );
  return file.names.flatMap(({ kind, name, place }) => {
    if (isKnown(kind, name, known, file)) return [];
    const names = [...new Set(known[kind].map((one) => shortName(one, namespace)))];
    const hint = names.length === 0 ? '; the manifests have none' : nearestOrAll(name, plurals[kind], names);
    const message = `${place.where}: no ${singulars[kind]} is named ${name}${hint}`;
    const expected = `the name of a ${singulars[kind]}`;
    return [new MeshmockError('usage', message, { place: { text: place.text, offset: place.offset, expected } })];
  });
}

const singulars: Readonly<Record<NamedPart['kind'], string>> = {
  entry: 'service, workload or gateway',
  service: 'service',
  workload: 'workload',
};

const plurals: Readonly<Record<NamedPart['kind'], string>> = {
  entry: 'names',
  service: 'services',
  workload: 'workloads',
};

function isKnown(kind: NamedPart['kind'], name: string, known: KnownNames, { namespace, fill }: CaseFile): boolean {
  if (fill && kind !== 'workload') return true;
  const withoutPort = kind === 'entry' ? name.replace(/:\d+$/, '') : name;
  // Flags such as `--profile` and IstioOperators decide which gateways an installation has.
  if (kind === 'entry' && (known.isInstalled || withoutPort.endsWith(`.${gatewayNamespace}`))) return true;
  return findByName(known[kind], (one) => one, withoutPort, namespace).length > 0;
}

function knownNames(objects: readonly KubeObject[], { namespace }: CaseFile): KnownNames {
  const services = objects.filter(isService).map(nameOf);
  const pods = objects.filter((object) => templateOf(object) !== undefined);
  // Mocks answer with the names of labels, and `given` takes these too.
  const labelled = pods.flatMap((object) =>
    Object.entries(templateOf(object)?.metadata?.labels ?? {})
      .filter(([label]) => nameLabels.includes(label))
      .map(([, value]) => entryName(value, namespaceOf(object))),
  );
  const workloads = pods.map(nameOf);
  const jobs = objects.filter((object) => jobTemplateOf(object) !== undefined).map(nameOf);
  const gateways = objects.flatMap(gatewayNames);
  return {
    isInstalled: objects.some(({ kind }) => kind === 'IstioOperator'),
    entry: [...services, ...workloads, ...jobs, ...gateways, entryName(outsideName, namespace)],
    service: [...services, ...workloads, ...labelled],
    workload: objects.filter(isScalable).map(nameOf),
  };
}

const nameLabels = ['app', 'app.kubernetes.io/name', 'service.istio.io/canonical-name'];

/** Returns a name as it is written in a file of a namespace. */
function shortName(name: string, namespace: string): string {
  return name.endsWith(`.${namespace}`) ? name.slice(0, -namespace.length - 1) : name;
}

function nameOf(object: KubeObject): string {
  return entryName(object.metadata.name, namespaceOf(object));
}

/** Returns the names of the Services of gateways that an object makes the mesh start. */
function gatewayNames(object: KubeObject): string[] {
  const installed = entryName(gatewayName(selectorOrDefault({})), gatewayNamespace);
  if (object.kind === 'Ingress') return [installed];
  if (isIstioGateway(object)) {
    const selector: Labels = selectorOrDefault(object.spec.selector ?? {});
    return [installed, entryName(gatewayName(selector), gatewayNamespace)];
  }
  if (object.kind !== 'Gateway') return [];
  return [entryName(kubernetesGatewayService(object), namespaceOf(object))];
}

/** Returns the name of the Service that istiod makes for a Gateway of the Gateway API. */
export function kubernetesGatewayService({ metadata, spec }: KubeObject): string {
  const override = metadata.annotations?.['gateway.istio.io/name-override'];
  const { gatewayClassName = '' } = (spec ?? {}) as { gatewayClassName?: string };
  return override ?? `${metadata.name}-${gatewayClassName}`;
}
