import { groupOf, isWorkload } from '../../istio/resources/objects.ts';
import type { Difference, NotCompared } from '../model.ts';
import type { ChangedObject } from './changed-objects.ts';
import { type ChangedPart, fieldValue } from './changed-parts.ts';
import { unseenFields } from './workload-fields.ts';

/** Groups of objects that istiod translates as a whole into the configuration of proxies, which is compared. */
const translatedGroups = new Set(['networking.istio.io', 'security.istio.io', 'gateway.networking.k8s.io']);

/** Kinds of Kubernetes whose effects the configuration of proxies, or the pods themselves, show. */
const shownKinds = new Set(['Service', 'Namespace', 'Endpoints', 'EndpointSlice', 'ServiceAccount']);

/** Kinds of these groups that may change what no request notices, such as access logs and the settings of processes. */
const partlyShownKinds = new Set(['EnvoyFilter', 'ProxyConfig']);

/**
 * Returns the objects that changed and that no request shows, unless they are the cause of a difference, and workloads of
 * which more changed than mocks show.
 *
 * @param areEdgesUnshown true if the configuration of an edge differs, and no request to it
 * @example
 * unseenObjects(changed, [], false); // [{ subject: 'Telemetry ingress (telemetry.yaml:12)', reason: 'it changed, and …' }]
 */
export function unseenObjects(
  changed: readonly ChangedObject[],
  differences: readonly Pick<Difference, 'cause'>[],
  areEdgesUnshown: boolean,
): NotCompared[] {
  const keyOf = ({ kind, namespace, name }: Pick<ChangedObject, 'kind' | 'namespace' | 'name'>): string =>
    [kind, namespace, name].join(' ');
  const causes = new Set(differences.flatMap(({ cause }) => (cause === undefined ? [] : keyOf(cause))));
  return changed.flatMap((one) => {
    const object = (one.after ?? one.before)?.object;
    if (object === undefined) return [];
    if (isWorkload(object) || object.kind === 'Pod') return unseenOfWorkload(one);
    const part = one.parts.find(({ path: [first] }) => first !== 'metadata');
    if (part === undefined || causes.has(keyOf(one))) return [];
    const reason = isShown(one, groupOf(object)) ? shownReason : reasonOf(one.kind, groupOf(object));
    return reason === shownReason && !areEdgesUnshown ? [] : [{ subject: titleOf(one, part), reason }];
  });
}

/** Reason for an object that proxies show. Without an edge that it may have changed, it changed none. */
const shownReason = 'it changed, and no request shows a difference that it caused';

function isShown(changed: ChangedObject, group: string): boolean {
  if (isAudit(changed)) return false;
  if (translatedGroups.has(group)) return !partlyShownKinds.has(changed.kind);
  return shownKinds.has(changed.kind);
}

/** Reports whether an object is a policy that only writes logs, on one side at least. */
function isAudit({ kind, before, after }: ChangedObject): boolean {
  return (
    kind === 'AuthorizationPolicy' &&
    [before, after].some((one) => fieldValue(one?.object, ['spec', 'action']) === 'AUDIT')
  );
}

function reasonOf(kind: string, group: string): string {
  const isOfIstio = group.endsWith('istio.io') || kind === 'ConfigMap';
  if (kind === 'Telemetry') return 'it changed, and access logs, metrics and traces are not compared';
  if (kind === 'Secret')
    return 'it changed, and proxies keep the certificates of one that is deleted until they start again';
  return isOfIstio
    ? 'it changed, and requests do not show how; logs, metrics and traces are not compared'
    : 'it changed, and requests do not show its effect';
}

function unseenOfWorkload(changed: ChangedObject): NotCompared[] {
  // The report names the workloads that only one snapshot has.
  if (changed.before === undefined || changed.after === undefined) return [];
  const unseen = unseenFields(changed.parts);
  const [first] = unseen;
  if (first === undefined) return [];
  const fields = [...new Set(unseen.map(({ field }) => field))].join(', ');
  return [
    {
      subject: `${fields} of ${titleOf(changed, first.part)}`,
      reason: 'mocks run in place of its containers, and do not show it',
    },
  ];
}

/** Returns an object and the place of a part in its file, such as `Telemetry ingress (telemetry.yaml:12)`. */
function titleOf({ kind, name, before, after }: ChangedObject, { side, path }: ChangedPart): string {
  const where = { before, after }[side]?.whereIs(path).replace(/:\d+$/, '');
  return where === undefined ? `${kind} ${name}` : `${kind} ${name} (${where})`;
}
