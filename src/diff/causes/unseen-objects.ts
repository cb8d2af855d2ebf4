import { groupOf, type KubeObject } from '../../istio/resources/objects.ts';
import type { NotCompared } from '../comparison.ts';
import type { Difference } from '../difference.ts';
import { isCertificate } from './certificate-secret.ts';
import type { ChangedObject } from './changed-objects.ts';
import { type ChangedPart, fieldValue } from './changed-parts.ts';

/**
 * Returns the objects that a mesh reads, that changed, and whose effect no request shows: they are the cause of no
 * difference.
 *
 * @param areEdgesUnshown true if the configuration of an edge differs, and no request to it
 * @example
 * unseenObjects(changed, [], false); // [{ subject: 'Telemetry ingress (telemetry.yaml:12)', reason: 'it changed, and …' }]
 */
export function unseenObjects(
  changed: readonly ChangedObject[],
  differences: readonly Pick<Difference, 'causes'>[],
  areEdgesUnshown: boolean,
): NotCompared[] {
  const keyOf = ({ kind, namespace, name }: Pick<ChangedObject, 'kind' | 'namespace' | 'name'>): string =>
    [kind, namespace, name].join(' ');
  const causes = new Set(differences.flatMap((difference) => difference.causes.map(keyOf)));
  return changed.flatMap((one) => {
    const part = one.parts.find(({ path: [first] }) => first !== 'metadata');
    if (part === undefined || causes.has(keyOf(one))) return [];
    const reason = reasonOf(one);
    return reason === undefined || (reason === shownReason && !areEdgesUnshown)
      ? []
      : [{ subject: titleOf(one, part), reason }];
  });
}

/** Reason for an object that proxies show as a whole. Without an edge that it may have changed, it changed none. */
const shownReason = 'it changed, and no request shows a difference that it caused';
const partlyShownReason = 'it changed, and requests do not show how; logs, metrics and traces are not compared';

/** Returns why no request shows an object; undefined for one that the mesh does not read. */
function reasonOf(changed: ChangedObject): string | undefined {
  const object = (changed.after ?? changed.before)?.object;
  if (object === undefined) return undefined;
  switch (`${groupOf(object)}/${object.kind}`) {
    case 'telemetry.istio.io/Telemetry':
      return 'it changed, and access logs, metrics and traces are not compared';
    case 'networking.istio.io/EnvoyFilter':
    case 'extensions.istio.io/WasmPlugin':
      return partlyShownReason;
    // Pods that run already do not read it, so it is listed with the objects that have no effect.
    case 'networking.istio.io/ProxyConfig':
      return undefined;
    case 'security.istio.io/AuthorizationPolicy':
      return isAudit(changed) ? partlyShownReason : shownReason;
    case '/ConfigMap':
      return object.metadata.name === 'istio' ? partlyShownReason : undefined;
    case '/Secret':
      return isCertificate(object)
        ? 'it changed, and proxies keep the certificates of one that is deleted until they start again'
        : undefined;
    default:
      return isTranslated(object) ? shownReason : undefined;
  }
}

/** Reports whether istiod translates an object into the configuration of proxies. */
export function isTranslated(object: KubeObject): boolean {
  const group = groupOf(object);
  return group.endsWith('istio.io') || group === 'gateway.networking.k8s.io' || object.kind === 'Service';
}

/** Reports whether an object is a policy that only writes logs, on one side at least. */
function isAudit({ before, after }: ChangedObject): boolean {
  return [before, after].some((one) => fieldValue(one?.object, ['spec', 'action']) === 'AUDIT');
}

/** Returns an object and the place of a part in its file, such as `Telemetry ingress (telemetry.yaml:12)`. */
function titleOf({ kind, name, before, after }: ChangedObject, { side, path }: ChangedPart): string {
  const where = { before, after }[side]?.whereIs(path).replace(/:\d+$/, '');
  return where === undefined ? `${kind} ${name}` : `${kind} ${name} (${where})`;
}
