import { type Condition, type FixedParts, fullPath, holds, type RequestParts, type Subject } from './condition.ts';
import { distinct } from './formula.ts';
import { isSendable } from './sendable.ts';
import { joinedTexts, textsNear } from './text-values.ts';

/** Part of a request that conditions of the two sides distinguish, with a value for each way in which they do. */
export interface Variable {
  readonly name: string;
  /** Conditions about this part. */
  readonly conditions: readonly Condition[];
  /** Changes of a request, one for each class of values. The first is the default. */
  readonly values: readonly VariableValue[];
}

export interface VariableValue {
  readonly apply: (parts: RequestParts) => RequestParts;
  /** Truth of each condition of the variable. */
  readonly truth: readonly boolean[];
}

/** Context of all variables of an edge. */
export interface VariableContext {
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly base: RequestParts;
  readonly fixed: FixedParts;
  /** Reports whether both sides' virtual hosts serve an authority. */
  readonly servesAuthority: (authority: string) => boolean;
}

type TextCondition = Extract<Condition, { kind: 'text' }>;

/** Returns a variable for each part of a request that texts of conditions compare, without those of tokens. */
export function textVariables(conditions: readonly Condition[], context: VariableContext): Variable[] {
  const groups = new Map<string, TextCondition[]>();
  for (const condition of distinct(conditions)) {
    if (condition.kind !== 'text' || !isFree(condition.subject)) continue;
    const name = variableName(condition.subject);
    groups.set(name, [...(groups.get(name) ?? []), condition]);
  }
  return [...groups].map(([name, group]) => textVariable(name, group, context));
}

/** Reports whether a client chooses the subject of a condition freely. Tokens are chosen as a whole. */
function isFree({ kind }: Subject): boolean {
  return kind !== 'scheme' && kind !== 'identity' && kind !== 'claim';
}

function variableName(subject: Subject): string {
  switch (subject.kind) {
    case 'header':
    case 'query':
      return `${subject.kind} ${subject.name}`;
    case 'full_path':
      return 'path';
    default:
      return subject.kind;
  }
}

function textVariable(name: string, conditions: readonly TextCondition[], context: VariableContext): Variable {
  const { base, protocol, fixed } = context;
  const [first] = conditions;
  const subject: Subject = name === 'path' || first === undefined ? { kind: 'path' } : first.subject;
  const matches = conditions.map(({ match }) => match);
  const texts = [...startTexts(subject, protocol), ...matches.flatMap(textsNear), ...joinedTexts(matches)];
  const sendable = [...new Set(texts.flatMap((text) => shaped(subject, text, protocol)))].filter(
    (text) => isSendable(subject, text, protocol) && (subject.kind !== 'authority' || context.servesAuthority(text)),
  );
  const candidates = [unchanged, ...sendable.map((text) => setting(subject, text))];
  return { name, conditions, values: classesOf(candidates, conditions, base, fixed) };
}

/** Keeps one value for each combination of truths. */
export function classesOf(
  candidates: readonly ((parts: RequestParts) => RequestParts)[],
  conditions: readonly Condition[],
  base: RequestParts,
  fixed: FixedParts,
): VariableValue[] {
  const values = new Map<string, VariableValue>();
  for (const apply of candidates) {
    const parts = apply(base);
    const truth = conditions.map((condition) => holds(condition, parts, fixed) ?? false);
    const key = truth.map(Number).join('');
    if (!values.has(key)) values.set(key, { apply, truth });
  }
  return [...values.values()];
}

export const unchanged = (parts: RequestParts): RequestParts => parts;

/** Plain texts of a subject, which are tried first. */
function startTexts(subject: Subject, protocol: 'http' | 'grpc' | 'tcp'): readonly string[] {
  switch (subject.kind) {
    case 'path':
      return protocol === 'grpc' ? ['/probe.Service/Method'] : ['/', '/probe'];
    case 'method':
      return ['GET', 'POST', 'PUT', 'DELETE'];
    case 'header':
    case 'query':
      return ['other'];
    default:
      return [];
  }
}

/** Returns a text in the forms that a request can have it, such as a prefix of a path as a method of gRPC. */
function shaped(subject: Subject, text: string, protocol: 'http' | 'grpc' | 'tcp'): string[] {
  if (subject.kind !== 'path') return [text];
  if (protocol !== 'grpc') return text.startsWith('/') ? [text] : [text, `/${text}`];
  const [, service = '', method = ''] = text.split('/');
  return [text, `/${service}/${method}`, `/${service}/${method === '' ? 'Method' : method}`, `${text}Method`];
}

function setting(subject: Subject, text: string): (parts: RequestParts) => RequestParts {
  switch (subject.kind) {
    case 'path':
    case 'full_path':
      return (parts) => ({ ...parts, path: text });
    case 'method':
      return (parts) => ({ ...parts, method: text });
    case 'authority':
      return (parts) => ({ ...parts, authority: text });
    case 'header':
      return (parts) => ({ ...parts, headers: new Map([...parts.headers, [subject.name, text]]) });
    case 'query':
      return (parts) => ({ ...parts, query: new Map([...parts.query, [subject.name, text]]) });
    case 'scheme':
    case 'identity':
    case 'claim':
      return unchanged;
  }
}

/** Returns the conditions of a variable that none of its values satisfies. */
export function unmetConditions({ conditions, values }: Variable): Condition[] {
  return conditions.filter((_, index) => !values.some(({ truth }) => truth[index]));
}

/** Returns a key that two requests share only if they are the same. */
export function partsKey({ path, query, method, authority, headers, token }: RequestParts): string {
  return JSON.stringify([method, fullPath({ path, query }), authority, [...headers], token]);
}
