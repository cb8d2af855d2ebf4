import type { CallResult, Counts, Reply, Summary } from '../../reply/reply.ts';
import { outcomeOf } from '../../reply/status.ts';
import { failuresOf, type Tone, toneOf } from './call-rows.ts';

/** Service of a graph, or a target that no service answered for. */
export interface GraphNode {
  readonly id: string;
  readonly name: string;
  /** `entry` received the request, `foreign` is not a meshmock, and `unreached` did not answer. */
  kind: 'entry' | 'service' | 'foreign' | 'unreached';
  /** Number of answers of each version. */
  readonly versions: Map<string, number>;
  /** Names of the services that this node stands for, if it is a group. */
  readonly members?: readonly string[];
}

/** Calls from one service to another. */
export interface GraphEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly schemes: Set<string>;
  calls: number;
  /** Number of calls that failed or were refused. */
  failed: number;
  /** Number of calls with each status, or code of an error. */
  readonly outcomes: Map<string, number>;
  /** Number of refusals by a proxy, by reason. */
  readonly refusals: Map<string, number>;
  /** Largest number of attempts of a call. */
  attempts: number;
  /** Number of calls whose callee saw the identity of its caller. */
  mtls: number;
  /** True if only samples of a repeated call show these calls, so that their number is not known. */
  isSampled: boolean;
  tone: Tone;
  /** Ids of the rows of these calls. */
  readonly rows: string[];
}

export interface CallGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/**
 * Returns who called whom in a reply: a node for each service, and an edge for all calls between two of them.
 *
 * @example
 * callGraph(reply).edges.map(({ from, to }) => `${from} ${to}`); // ['gateway service1', 'service1 service3']
 */
export function callGraph(reply: Reply): CallGraph {
  const builder = new GraphBuilder();
  builder.addEntry(reply);
  return { nodes: [...builder.nodes.values()], edges: [...builder.edges.values()] };
}

/** Place of a call in the reply. */
interface Place {
  readonly caller: Reply;
  readonly row: string;
  readonly isSampled: boolean;
}

class GraphBuilder {
  readonly nodes = new Map<string, GraphNode>();
  readonly edges = new Map<string, GraphEdge>();

  addEntry(reply: Reply): void {
    const node = this.node(nodeIdOf(reply), reply.service, 'entry');
    count(node.versions, reply.version, 1);
    this.addCalls(reply, '', false);
  }

  private addCalls(reply: Reply, parent: string, isSampled: boolean): void {
    for (const [index, call] of (reply.calls ?? []).entries()) {
      const row = parent === '' ? String(index) : `${parent}.${index}`;
      this.addCall(call, { caller: reply, row, isSampled });
    }
  }

  private addCall(call: CallResult, place: Place): void {
    const { summary, reply } = call;
    if (summary !== undefined) {
      this.addRepeatedCall(call, summary, place);
      return;
    }
    const node = this.calleeOf(call, place.caller);
    count(node.versions, reply?.version, 1);
    const edge = this.edge(nodeIdOf(place.caller), node.id, call, place);
    edge.calls++;
    count(edge.outcomes, outcomeOf(call), 1);
    count(edge.refusals, call.mesh?.refusal?.reason, 1);
    if (toneOf(call) === 'bad' || toneOf(call) === 'refused') edge.failed++;
    edge.attempts = Math.max(edge.attempts, call.attempts?.length ?? 1, reply?.mesh?.attempt ?? 1);
    if (reply?.mesh?.peerIdentity !== undefined || reply?.request?.tls?.peer !== undefined) edge.mtls++;
    if (reply !== undefined) this.addCalls(reply, place.row, place.isSampled);
  }

  /** Adds a repeated call by its counts, and the calls below it by its samples. */
  private addRepeatedCall(call: CallResult, summary: Summary, place: Place): void {
    const [only, ...others] = Object.keys(summary.byService ?? {});
    const callee = this.calleeOf(call, place.caller, others.length === 0 ? only : undefined);
    addAll(callee.versions, summary.byVersion);
    const edge = this.edge(nodeIdOf(place.caller), callee.id, call, place);
    edge.calls += summary.count;
    edge.failed += failuresOf(summary);
    edge.mtls += identified(summary.byPeer);
    edge.attempts = Math.max(
      edge.attempts,
      ...Object.keys(summary.byAttempt ?? {}).map((attempt) => Number(attempt) || 1),
    );
    addAll(edge.outcomes, summary.byStatus);
    addAll(edge.refusals, summary.byRefusal);
    // One call may be several samples.
    const samples = new Map((summary.samples ?? []).map(({ index, call: sample }) => [index, sample.reply]));
    for (const reply of samples.values()) if (reply !== undefined) this.addCalls(reply, place.row, true);
  }

  private calleeOf(call: CallResult, caller: Reply, service = call.reply?.service): GraphNode {
    if (call.reply !== undefined) return this.node(nodeIdOf(call.reply), call.reply.service, 'service');
    const host = hostOf(call.target);
    const name = service ?? host;
    const known = this.nodes.get(idOf(name, caller.namespace)) ?? this.nodes.get(name);
    if (known !== undefined) return known;
    const isService = service !== undefined;
    const kind = isService ? 'service' : call.answeredBy === 'foreign' ? 'foreign' : 'unreached';
    return this.node(isService || !host.includes('.') ? idOf(name, caller.namespace) : name, name, kind);
  }

  private node(id: string, name: string, kind: GraphNode['kind']): GraphNode {
    const known = this.nodes.get(id);
    if (known !== undefined) {
      // A refused call can be the first that names a service.
      if (known.kind === 'unreached') known.kind = kind;
      return known;
    }
    const node: GraphNode = { id, name, kind, versions: new Map() };
    this.nodes.set(id, node);
    return node;
  }

  private edge(from: string, to: string, call: CallResult, place: Place): GraphEdge {
    const id = `${from} ${to}`;
    let edge = this.edges.get(id);
    if (edge === undefined) {
      edge = { id, from, to, ...noCalls(), isSampled: place.isSampled };
      this.edges.set(id, edge);
    }
    edge.schemes.add(call.scheme);
    if (!edge.rows.includes(place.row)) edge.rows.push(place.row);
    if (!place.isSampled) edge.isSampled = false;
    edge.tone = worse(edge.tone, toneOf(call));
    return edge;
  }
}

function noCalls(): Omit<GraphEdge, 'id' | 'from' | 'to' | 'isSampled'> {
  return {
    schemes: new Set(),
    calls: 0,
    failed: 0,
    outcomes: new Map(),
    refusals: new Map(),
    attempts: 1,
    mtls: 0,
    tone: 'good',
    rows: [],
  };
}

const tones: readonly Tone[] = ['good', 'notice', 'refused', 'bad'];

/** Returns the worse of two tones. */
export function worse(a: Tone, b: Tone): Tone {
  return tones.indexOf(a) > tones.indexOf(b) ? a : b;
}

function count(counts: Map<string, number>, key: string | undefined, times: number): void {
  if (key !== undefined && key !== '') counts.set(key, (counts.get(key) ?? 0) + times);
}

function addAll(counts: Map<string, number>, more: Counts = {}): void {
  for (const [key, times] of Object.entries(more)) count(counts, key, times);
}

/** Returns the number of calls whose callee saw an identity. */
function identified(byPeer: Counts = {}): number {
  return Object.entries(byPeer).reduce((sum, [peer, times]) => (peer === 'none' ? sum : sum + times), 0);
}

function nodeIdOf({ service, namespace }: Reply): string {
  return idOf(service, namespace);
}

function idOf(service: string, namespace: string | undefined): string {
  return namespace === undefined ? service : `${service}.${namespace}`;
}

/** Returns the host of a target, without its port. That of a Service is `name.namespace`, or its name alone. */
function hostOf(target: string): string {
  const host = target.replace(/:\d+$/, '');
  return host.replace(/^([^.]+\.[^.]+)\.svc(?:\.cluster\.local)?$/, '$1');
}
