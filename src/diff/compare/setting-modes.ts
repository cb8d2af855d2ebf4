import type { ProbeMode } from '../probe.ts';
import { neededModes } from './modes.ts';
import type { ClusterPiece, NeededModes, RequestPieces } from './pieces.ts';

/**
 * Returns the modes that show the settings of two sides, also of those that are the same: the running meshes that get the
 * requests may differ from both.
 */
export function modesOfSettings(before: RequestPieces, after: RequestPieces): NeededModes {
  const compared = neededModes(before, after);
  const alone = [after, before].map((pieces) => neededModes(withoutSettings(pieces), pieces));
  const modes = compared.modes.map(withoutConfigured);
  for (const mode of alone.flatMap((one) => one.modes)) {
    // The first mode of each kind has the values of both sides. Each failure of a callee is a mode of its own.
    const isKnown = modes.some((one) =>
      mode.kind === 'failing' ? JSON.stringify(one) === JSON.stringify(mode) : one.kind === mode.kind,
    );
    if (!isKnown && mode.kind !== 'plain' && mode.kind !== 'shares') modes.push(withoutConfigured(mode));
  }
  const notCompared = [compared, ...alone].flatMap((one) => one.notCompared);
  return { modes, notCompared: [...new Map(notCompared.map((one) => [JSON.stringify(one), one])).values()] };
}

/** Leaves out timeouts that no request shows: those of running meshes are not known. */
function withoutConfigured(mode: ProbeMode): ProbeMode {
  return mode.kind === 'slow' ? { ...mode, longerMs: { before: undefined, after: undefined } } : mode;
}

/** Returns the same request on a side without any settings. Limits that allow everything are none. */
function withoutSettings(pieces: RequestPieces): RequestPieces {
  const { cluster } = pieces;
  const { circuit_breakers: limits, outlier_detection: _, ...rest } = cluster ?? {};
  const kept: ClusterPiece = isUnlimited(limits) ? { ...rest, circuit_breakers: limits } : rest;
  return { ...pieces, route: undefined, cluster: kept };
}

/** Number that istiod writes for "no limit". */
const unlimited = 4_294_967_295;

function isUnlimited(limits: unknown): boolean {
  if (typeof limits === 'number') return limits >= unlimited;
  return typeof limits !== 'object' || limits === null || Object.values(limits).every(isUnlimited);
}
