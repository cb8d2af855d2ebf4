import type { AppliedObject } from '../apply/apply-all.ts';
import type { LogFiles, LogLengths } from '../observe/log-files.ts';
import { groupOf, type KubeObject, kubectlName } from '../resources/objects.ts';

/**
 * Returns a line for each WasmPlugin whose module a proxy could not fetch, with the reason that its log has.
 *
 * @param logs logs of the proxies
 * @param start lengths of the logs before the change
 */
export async function failedModules(
  objects: readonly AppliedObject[],
  logs: LogFiles,
  start: LogLengths,
): Promise<string[]> {
  const plugins = objects.filter(({ object }) => isWasmPlugin(object));
  if (plugins.length === 0) return [];
  const [recent, all] = await Promise.all([logs.since(start), logs.since()]);
  return plugins.flatMap(({ object, change }) => {
    const { url = '' } = (object.spec ?? {}) as { url?: string };
    const failure = moduleFailures(change === 'unchanged' ? all : recent).get(url.replace(/^(?!\w+:)/, 'oci://'));
    return failure === undefined ? [] : [`${kubectlName(object)}: a proxy cannot fetch the module ${url}${failure}`];
  });
}

function isWasmPlugin(object: KubeObject): boolean {
  return object.kind === 'WasmPlugin' && groupOf(object) === 'extensions.istio.io';
}

/** Maps the URLs of modules that pilot-agent could not fetch to the effect and the reason. */
function moduleFailures(log: string): ReadonlyMap<string, string> {
  const lines = log.matchAll(/cannot fetch Wasm module (\S+): (.*)\. applying (allow|deny) RBAC filter$/gm);
  const effects = { allow: 'it is skipped', deny: 'every request is refused' };
  return new Map(
    [...lines].map(([, url = '', reason = '', effect]) => [
      url,
      `, so ${effects[effect as 'allow' | 'deny']}: ${reason}`,
    ]),
  );
}
