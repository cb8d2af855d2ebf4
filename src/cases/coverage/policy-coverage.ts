import type { LoggedRequest } from '../../istio/observe/access-log.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { groupOf, isService, type KubeObject } from '../../istio/resources/objects.ts';
import { portProtocolOf } from '../../istio/resources/ports.ts';
import { type CoverageFinding, findingOf, objectTitle } from './finding.ts';

/** AuthorizationPolicy of Istio, with the fields that matter here. */
export interface AuthorizationPolicy extends KubeObject {
  spec?: {
    action?: string;
    rules?: PolicyRule[];
    targetRefs?: TargetRef[];
    targetRef?: TargetRef;
  };
}

interface PolicyRule {
  to?: { operation?: { ports?: string[] } }[];
}

interface TargetRef {
  kind: string;
  name: string;
}

export function isAuthorizationPolicy(object: KubeObject): object is AuthorizationPolicy {
  return object.kind === 'AuthorizationPolicy' && groupOf(object) === 'security.istio.io';
}

/**
 * Returns a finding for each rule of a policy that decided no request.
 *
 * @param objects all objects of the mesh
 */
export function ruleFindings(
  policy: AuthorizationPolicy,
  whereIs: Manifest['whereIs'],
  objects: readonly KubeObject[],
  requests: readonly LoggedRequest[],
): CoverageFinding[] {
  const { metadata, spec } = policy;
  const decisive = new Set(requests.map(({ rule }) => rule));
  const reason = notLoggedReason(policy, objects);
  const tcpPorts = tcpPortsOf(policy, objects);
  return (spec?.rules ?? []).flatMap((rule, index) => {
    if (decisive.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const where = whereIs(['spec', 'rules', String(index)]);
    const ofRule = isForTcp(rule, tcpPorts) ? 'proxies do not log which rule a connection matched' : undefined;
    return [findingOf({ object: objectTitle(policy), part: `rule ${index + 1}`, where }, reason ?? ofRule)];
  });
}

/** Reports whether a rule names only ports for TCP. */
function isForTcp({ to = [] }: PolicyRule, tcpPorts: ReadonlySet<string>): boolean {
  const ports = to.map(({ operation }) => operation?.ports ?? []);
  return ports.length > 0 && ports.every((of) => of.length > 0 && of.every((port) => tcpPorts.has(port)));
}

/** Returns the ports of pods that Services of the namespace of a policy use for TCP, and none of them for anything else. */
function tcpPortsOf({ metadata }: AuthorizationPolicy, objects: readonly KubeObject[]): ReadonlySet<string> {
  const services = objects.filter(isService).filter((one) => one.metadata.namespace === metadata.namespace);
  const ports = services.flatMap(({ spec }) => spec.ports ?? []);
  const podPorts = (isTcp: boolean): string[] =>
    ports
      .filter((port) => (portProtocolOf(port) === 'tcp') === isTcp)
      .map(({ port, targetPort }) => String(typeof targetPort === 'number' ? targetPort : port));
  return new Set(podPorts(true)).difference(new Set(podPorts(false)));
}

/** Returns the reason why proxies do not log the rules of a policy; undefined if they do. */
function notLoggedReason(
  { metadata, spec = {} }: AuthorizationPolicy,
  objects: readonly KubeObject[],
): string | undefined {
  const { action = 'ALLOW', targetRef, targetRefs = targetRef === undefined ? [] : [targetRef] } = spec;
  // istiod reads the annotation with Go's strconv.ParseBool.
  if (/^(?:1|t|true)$/i.test(metadata.annotations?.['istio.io/dry-run'] ?? ''))
    return 'the policy is a dry run and decides no request';
  if (action !== 'ALLOW' && action !== 'DENY') return `proxies do not always log the matching rule of action ${action}`;
  if (targetRefs.length > 0 && targetRefs.every((target) => !isGateway(target, metadata.namespace, objects)))
    return 'the policy is for waypoints, which do not run in a local mesh';
  return undefined;
}

/** Reports whether the target of a policy is a gateway whose pods run. */
function isGateway({ kind, name }: TargetRef, namespace: string | undefined, objects: readonly KubeObject[]): boolean {
  if (kind !== 'Gateway') return false;
  const found = objects.find(
    (one) =>
      one.kind === 'Gateway' &&
      groupOf(one) === 'gateway.networking.k8s.io' &&
      one.metadata.name === name &&
      one.metadata.namespace === namespace,
  );
  return (found?.spec as { gatewayClassName?: string } | undefined)?.gatewayClassName !== 'istio-waypoint';
}
