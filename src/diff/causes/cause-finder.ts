import type { Manifest } from '../../istio/resources/manifest.ts';
import type { KubeObject } from '../../istio/resources/objects.ts';
import type { Cause } from '../cause.ts';
import type { DifferenceKind } from '../difference.ts';
import type { EdgeObjects } from '../edge-objects.ts';
import type { Probe } from '../probe.ts';
import type { SecretMarks } from '../secret-values.ts';
import { isUsualKind, likelyParts } from './cause-fields.ts';
import { type ChangedObject, changedObjects } from './changed-objects.ts';
import { type ChangedPart, commonPath, type FieldPath, fieldValue, isInside } from './changed-parts.ts';
import { concerns } from './concerned.ts';
import { fieldChange } from './field-change.ts';

/** Signs of the cause of a difference. */
export interface DifferenceSigns {
  /** Routes, rules and clusters of Envoy's configuration that decide about the request. */
  readonly known: readonly Cause[];
  readonly edge: EdgeObjects | undefined;
  /** False if a request over HTTP had no answer on one side, not even of a proxy. */
  readonly isRefusal: boolean;
}

/** Kinds of policies about requests. */
const requestPolicies = new Set(['RequestAuthentication', 'AuthorizationPolicy']);

/** Kinds of differences of what a callee receives and of the headers of answers. */
const contentKinds: ReadonlySet<DifferenceKind> = new Set([
  ...(['mtls', 'identity', 'server_name', 'certificate'] as const),
  ...(['path', 'method', 'authority', 'request_header', 'answer_header'] as const),
]);

/** Kinds of objects with routes of requests. */
const routeKinds = new Set(['VirtualService', 'HTTPRoute', 'GRPCRoute']);

/** Finds the objects that differ between two snapshots, and the fields of them that caused differences of behaviour. */
export class CauseFinder {
  readonly changed: readonly ChangedObject[];
  private readonly secrets: SecretMarks;
  private readonly areAllKnown: boolean;

  /**
   * @param namespace namespace of objects without one
   * @param areAllKnown true if nothing but these objects can have caused a difference
   */
  constructor(
    before: readonly Manifest[],
    after: readonly Manifest[],
    namespace: string,
    secrets: SecretMarks,
    areAllKnown = true,
  ) {
    this.changed = changedObjects(before, after, namespace);
    this.secrets = secrets;
    this.areAllKnown = areAllKnown;
  }

  /**
   * Returns the causes of a difference: the changed object and the field that decide about the request, with its place in a
   * file. A field that fits the kind of the difference comes before one that Envoy's configuration names, and this before an
   * object that only concerns the edge. Of several objects that are equally likely, one is the cause.
   *
   * @param kind kind of the difference
   */
  causesOf(kind: DifferenceKind, { known, edge, isRefusal }: DifferenceSigns): Cause[] {
    const changing = this.changed.filter((object) => !isRefusingOnly(object) || !contentKinds.has(kind));
    const others = changing.filter((object) => isRefusal || mayEndConnections(object, known, edge));
    const possible = others.length === 0 ? this.changed : others;
    const found = possible.flatMap((object) => candidateOf(object, kind, known, edge) ?? []);
    const most = Math.max(...found.map(({ weight }) => weight));
    const best = found.filter(({ weight }) => weight === most);
    const usual = best.filter(({ object }) => isUsualKind(kind, object.kind));
    const likely = usual.length > 0 ? usual : best;
    const [first] = likely;
    if (first !== undefined) return (first.isKnown ? [first] : likely).map((one) => causeIn(one, this.secrets));
    const [only, other] = this.areAllKnown ? this.changed : [];
    if (only === undefined || other !== undefined) return [];
    return [causeIn({ object: only, parts: only.parts, place: undefined }, this.secrets)];
  }

  /**
   * Returns a function that finds the causes of differences of probes.
   *
   * @param objects objects of the edges of probes, by the ids of these
   */
  forProbes(
    objects: ReadonlyMap<string, EdgeObjects>,
  ): (kind: DifferenceKind, probe: Probe, isAnswered: boolean) => Cause[] {
    return (kind, { id, causes, request }, isAnswered) => {
      const isRefusal = isAnswered || request.protocol === 'tcp';
      return this.causesOf(kind, { known: causes, edge: objects.get(id), isRefusal });
    };
  }
}

/** Changed parts of an object that may be the cause. */
interface PlacedParts {
  readonly object: ChangedObject;
  readonly parts: readonly ChangedPart[];
  /** Place that Envoy's configuration names; undefined if it names the object only. */
  readonly place: FieldPath | undefined;
}

interface Candidate extends PlacedParts {
  readonly weight: number;
  /** True if Envoy's configuration names the object. */
  readonly isKnown: boolean;
}

/** Weights of the signs that a changed object is the cause. */
const weights = { likelyField: 4, changedPlace: 2, changedElsewhere: 1 } as const;

/**
 * Reports whether an object may be the cause of a request without an answer. A policy about requests refuses them with an
 * answer, and a route that no sidecar has does not change them.
 */
function mayEndConnections(object: ChangedObject, known: readonly Cause[], edge: EdgeObjects | undefined): boolean {
  if (requestPolicies.has(object.kind)) return false;
  return !routeKinds.has(object.kind) || edge?.gateways.length !== 0 || namesOf(object, known).length > 0;
}

/** Reports whether an object refuses requests, and changes none. A service that an action CUSTOM asks may change headers. */
function isRefusingOnly({ kind, before, after }: ChangedObject): boolean {
  const actions = [before, after].map((side) => fieldValue(side?.object, ['spec', 'action']));
  return kind === 'AuthorizationPolicy' && !actions.includes('CUSTOM');
}

/** Returns the causes in Envoy's configuration that name an object. */
function namesOf({ kind, namespace, name }: ChangedObject, known: readonly Cause[]): Cause[] {
  return known.filter((cause) => cause.kind === kind && cause.name === name && cause.namespace === namespace);
}

function candidateOf(
  object: ChangedObject,
  kind: DifferenceKind,
  known: readonly Cause[],
  edge: EdgeObjects | undefined,
): Candidate | undefined {
  const named = namesOf(object, known);
  if (named.length === 0 && !(edge !== undefined && isConcerned(object, edge))) return undefined;
  const candidates = (named.length === 0 ? [undefined] : named).map((cause): Candidate => {
    const place = cause?.place === undefined ? undefined : pathOf(cause.place, object);
    const touched = partsAt(object.parts, place);
    const parts = touched.length > 0 ? touched : object.parts;
    const likely = likelyParts(kind, parts, (side, path) => fieldValue(object[side]?.object, path));
    const ofPlace = cause === undefined ? 0 : touched.length > 0 ? weights.changedPlace : weights.changedElsewhere;
    return {
      object,
      parts: likely.length > 0 ? likely : parts,
      place: touched.length > 0 ? place : undefined,
      isKnown: cause !== undefined,
      weight: (likely.length > 0 ? weights.likelyField : 0) + ofPlace,
    };
  });
  return candidates.reduce((best, one) => (one.weight > best.weight ? one : best));
}

function isConcerned({ namespace, before, after }: ChangedObject, edge: EdgeObjects): boolean {
  const inNamespace = ({ object }: Manifest): KubeObject => ({
    ...object,
    metadata: { namespace, ...object.metadata },
  });
  return [before, after].some((one) => one !== undefined && concerns(inNamespace(one), edge));
}

/** Returns the changed parts inside a place. A part that contains the place is cut to it. */
function partsAt(parts: readonly ChangedPart[], place: FieldPath | undefined): ChangedPart[] {
  if (place === undefined) return [...parts];
  return parts.flatMap((part): ChangedPart[] => {
    if (isInside(part.path, place)) return [part];
    return isInside(place, part.path) ? [{ ...part, path: place }] : [];
  });
}

/** Returns the cause: the smallest place with all its changed parts, and the line of the first one. */
function causeIn({ object, parts, place: outer = [] }: PlacedParts, secrets: SecretMarks): Cause {
  const { kind, namespace, name } = object;
  const common = commonPath(parts.map(({ path }) => path));
  const place = isInside(common, outer) ? common : outer;
  const [first] = parts;
  const manifest = first === undefined ? undefined : object[first.side];
  const where = manifest?.whereIs(first?.path ?? []).replace(/:\d+$/, '');
  return {
    kind,
    namespace,
    name,
    place: placeText(place),
    where,
    change: fieldChange(object, parts, place, secrets),
  };
}

/** Returns the path of a place such as `http[0].timeout`, or of a route by its name: `route canary`. */
function pathOf(place: string, { before, after }: ChangedObject): FieldPath | undefined {
  const [, routeName] = /^route (.+)$/.exec(place) ?? [];
  if (routeName === undefined) return ['spec', ...place.split(/[.[\]]+/).filter((part) => part !== '')];
  for (const manifest of [after, before]) {
    const list = fieldValue(manifest?.object, ['spec', 'http']);
    const index = Array.isArray(list) ? list.findIndex((one: { name?: unknown }) => one.name === routeName) : -1;
    if (index !== -1) return ['spec', 'http', String(index)];
  }
  return undefined;
}

/** Returns a path as people read it, such as `http[0].timeout`; undefined for the whole object. */
function placeText(path: FieldPath): string | undefined {
  const [first, ...rest] = path;
  const fields = first === 'spec' ? rest : path;
  const text = fields.map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${key}`)).join('');
  return text === '' ? undefined : text.replace(/^\./, '');
}
