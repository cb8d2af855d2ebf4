import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { MeshHost } from '../istio/host/mesh-host.ts';
import { configId } from '../istio/live/config-objects.ts';
import type { ObservedPod } from '../istio/live/observation.ts';
import { Jaeger } from '../jaeger/jaeger.ts';
import {
  type EdgeDetails,
  mostTraces,
  type ObjectText,
  type TraceList,
  type TraceView,
} from '../page/model/mesh-page-data.ts';
import { edgeDetails } from './edge-details.ts';
import type { MeshModel } from './mesh-model.ts';
import { podKey } from './node-directory.ts';
import { objectText } from './object-texts.ts';
import type { SampledMesh } from './sampler.ts';
import { traceSummaries, traceView } from './trace-views.ts';
import { type EdgeEnds, edgeId } from './traffic-window.ts';

/** Mesh that a page shows. */
export interface MeshSource extends SampledMesh {
  /** URL of Jaeger's query API. @throws MeshmockError `unavailable` that says how to get one */
  readonly jaegerUrl: string;
  /** Returns what acts on an edge; undefined if one of its ends does not exist. */
  edgeDetails(model: MeshModel, ends: EdgeEnds, signal: AbortSignal): Promise<EdgeDetails | undefined>;
}

/** Time in which traces are searched, in milliseconds. */
const traceSearchMs = 15 * 60_000;

/** Returns what acts on an edge of a local Istio mesh; undefined if one of its ends does not exist. */
export async function edgeAnswer(
  mesh: Pick<MeshHost, 'dumps'>,
  model: MeshModel,
  ends: EdgeEnds,
  signal: AbortSignal,
): Promise<EdgeDetails | undefined> {
  const { nodes, objects, rootNamespace } = model;
  if (nodes === undefined || !nodes.has(ends.from) || !nodes.has(ends.to)) return undefined;
  const callers = nodes.podsOf(ends.from);
  const caller = callers.find(({ hasSidecar }) => hasSidecar) ?? callers[0];
  const callees = nodes.podsOf(ends.to);
  const gateway = callees.find(({ role }) => role === 'gateway');
  const routing = caller?.hasSidecar ? caller : gateway;
  const dump = routing === undefined ? undefined : await dumpOf(mesh, routing, signal);
  const hosts = nodes.hostsOf(ends.to);
  return edgeDetails({ id: edgeId(ends), caller, dump, callees, hosts, objects, rootNamespace });
}

async function dumpOf(
  mesh: Pick<MeshHost, 'dumps'>,
  pod: ObservedPod,
  signal: AbortSignal,
): Promise<string | undefined> {
  const dumps = await mesh.dumps(signal, [podKey(pod)]);
  const file = dumps.find((one) => podKey(one) === podKey(pod))?.file;
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8');
  await rm(path.dirname(file), { recursive: true, force: true });
  return text;
}

/** Returns an object with its text; undefined if it does not exist. */
export function objectAnswer({ objects, rootNamespace }: MeshModel, id: string): ObjectText | undefined {
  const found = objects.find(({ object }) => configId(object) === id);
  return found === undefined ? undefined : objectText(found, rootNamespace);
}

/**
 * Returns the last traces of the mesh.
 *
 * @param sinceMs start of those that the page does not know yet, in milliseconds since the epoch. Jaeger sends whole traces.
 */
export async function tracesAnswer(
  { jaegerUrl }: MeshSource,
  sinceMs: number,
  signal: AbortSignal,
): Promise<TraceList> {
  const nowMs = Date.now();
  const oldestMs = Math.min(Math.max(sinceMs, nowMs - traceSearchMs), nowMs);
  const spans = await jaegerOf(jaegerUrl).recentSpans(oldestMs, mostTraces, signal);
  return { traces: traceSummaries(spans, mostTraces) };
}

/** Returns a trace; undefined if Jaeger does not know it. */
export async function traceAnswer(
  { jaegerUrl }: MeshSource,
  id: string,
  signal: AbortSignal,
): Promise<TraceView | undefined> {
  if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
  const spans = await jaegerOf(jaegerUrl).spansOf(id, signal);
  return spans.length === 0 ? undefined : traceView(id, spans);
}

function jaegerOf(url: string): Jaeger {
  return new Jaeger(new URL(url), 'the Jaeger of the mesh');
}
