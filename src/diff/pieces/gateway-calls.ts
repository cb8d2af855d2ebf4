import { callersText } from '../caller-text.ts';
import type { NotCompared } from '../comparison.ts';
import type { CallerPods } from './callers.ts';
import type { EdgeReaders } from './edge-parts.ts';
import { hostOf } from './mesh-snapshot.ts';
import { gatewayServicesOf, shortName } from './mesh-targets.ts';

/**
 * Returns the calls of workloads with a sidecar to the Services of gateways, if their configuration differs: requests are sent
 * to gateways from outside the mesh only.
 */
export function callsOfGateways(
  callers: readonly CallerPods[],
  readers: EdgeReaders,
  changedGateways: ReadonlySet<string>,
): NotCompared[] {
  const all = callers.map(({ caller }) => caller);
  const services = [readers.after, readers.before].flatMap(({ mesh }) => gatewayServicesOf(mesh));
  const byHost = new Map(services.map((one) => [hostOf(one.service), one]));
  return [...byHost].flatMap(([host, { service, gateways }]): NotCompared[] => {
    const isChanged = gateways.some((gateway) => changedGateways.has(gateway));
    const differs = ({ pods }: CallerPods): boolean =>
      service.ports.some(({ port }) => {
        const edge = { host, port };
        const [one, other] = [readers.before.sidecar(pods.before, edge), readers.after.sidecar(pods.after, edge)];
        return (['senderKey', 'identity', 'program'] as const).some((field) => one[field] !== other[field]);
      });
    const differing = callers
      .filter(({ pods }) => pods.before.config !== undefined || pods.after.config !== undefined)
      .filter((one) => isChanged || differs(one));
    if (differing.length === 0) return [];
    const names = callersText(
      differing.map(({ caller }) => caller),
      all,
    );
    const reason = 'the configuration differs, and requests are sent to gateways from outside the mesh only';
    return [{ subject: `${names} → Service ${shortName(service)} of a gateway`, reason }];
  });
}
