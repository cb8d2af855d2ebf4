import { wholeRegex } from '../../expect/text-condition.ts';
import { namespaceOf } from '../../istio/resources/objects.ts';
import type { HttpRoute, RouteMatch } from '../../istio/resources/virtual-service.ts';
import type { AssertedRequest } from '../asserted-route.ts';
import type { RouteConfig } from '../route-config.ts';

/**
 * Returns a hint about routes of delegates that Istio drops, because it cannot combine a regex of the path with another
 * condition on it (`mergeHTTPMatchRequests` in Istio's pilot/pkg/model/virtualservice.go). Returns an empty text if it drops
 * none that would take the request.
 */
export function droppedRoutesHint({ authority, uri }: AssertedRequest, config: RouteConfig): string {
  const [path = ''] = uri.split('?');
  const dropped = config.virtualServicesFor(authority).flatMap((root) =>
    (root.spec.http ?? []).flatMap((route) => {
      const { name = '', namespace = namespaceOf(root) } = route.delegate ?? {};
      const routes = config.findVirtualService({ name, namespace })?.spec.http ?? [];
      return routes.some((one) => isDropped(route, one, path)) ? [`${name} (delegate of ${root.metadata.name})`] : [];
    }),
  );
  if (dropped.length === 0) return '';
  const names = [...new Set(dropped)].join(', ');
  return `; Istio drops routes of ${names}: a regex of the path cannot be combined with the path of the other VirtualService`;
}

/** Reports whether a route of a delegate is dropped, and would take a path otherwise. */
function isDropped({ match: roots }: HttpRoute, { match: leaves }: HttpRoute, path: string): boolean {
  if (roots == null || roots.length === 0 || leaves == null) return false;
  const takes = (matches: readonly RouteMatch[]): boolean => matches.some((match) => hasPath(match, path));
  return takes(roots) && takes(leaves) && leaves.some((leaf) => roots.every((root) => cannotBeCombined(root, leaf)));
}

function hasPath({ uri }: RouteMatch, path: string): boolean {
  // Istio has accepted the regex, so RE2 can read it.
  if (uri?.regex !== undefined) return wholeRegex(uri.regex).isIn(path);
  return uri?.exact === undefined ? path.startsWith(uri?.prefix ?? '') : path === uri.exact;
}

function cannotBeCombined({ uri: root }: RouteMatch, { uri: leaf }: RouteMatch): boolean {
  return root !== undefined && leaf !== undefined && (root.regex !== undefined || leaf.regex !== undefined);
}
