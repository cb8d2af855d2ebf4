import type { ConditionAspect, TokenClaims } from '../probe.ts';
import { shownText } from '../secret-texts.ts';
import { isSecret, type SecretMarks } from '../secret-values.ts';
import { matchesText, matchText, type TextMatch } from './text-match.ts';

/** Part of a request, or of its connection, whose text is compared. */
export type Subject =
  | { readonly kind: 'path' | 'full_path' | 'method' | 'authority' | 'scheme' | 'identity' }
  | { readonly kind: 'header' | 'query'; readonly name: string }
  /** Claim of a verified token. */
  | { readonly kind: 'claim'; readonly path: readonly string[] };

/** Smallest part of what routes and rules ask of a request. */
export type Condition =
  | {
      readonly kind: 'text';
      readonly subject: Subject;
      readonly match: TextMatch;
      readonly isInverted: boolean;
      /** True if a text that is absent counts as empty. Otherwise nothing but `present` holds for it. */
      readonly missingIsEmpty: boolean;
    }
  /** The request has a token of an issuer in this state, for an audience or at a place if it has one. */
  | {
      readonly kind: 'token';
      readonly issuer: string;
      readonly state: TokenClaims['state'];
      readonly audience?: string;
      readonly place?: TokenClaims['place'];
    }
  | { readonly kind: 'port'; readonly start: number; readonly end: number }
  /** Condition on something that a client does not choose, or that is not known here. */
  | { readonly kind: 'unknown'; readonly text: string; readonly reason: string };

/** Request with its parts, as routes and rules see it. */
export interface RequestParts {
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly method: string;
  readonly authority: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly token: TokenClaims | undefined;
  /** Audiences that the provider of the token accepts; empty for all. */
  readonly acceptedAudiences: readonly string[];
}

/** Facts of an edge that its requests cannot change. */
export interface FixedParts {
  readonly identity: string | undefined;
  readonly port: number;
  readonly scheme: 'http' | 'https';
}

const keys = new WeakMap<Condition, string>();

/** Returns a text that two conditions share only if they ask the same. */
export function conditionKey(condition: Condition): string {
  const known = keys.get(condition);
  if (known !== undefined) return known;
  const key = JSON.stringify(condition);
  keys.set(condition, key);
  return key;
}

/** Reports whether a request satisfies a condition; undefined if it is not known. */
export function holds(condition: Condition, parts: RequestParts, fixed: FixedParts): boolean | undefined {
  switch (condition.kind) {
    case 'text':
      return textHolds(condition, parts, fixed);
    case 'token': {
      const { token } = parts;
      if (token?.issuer !== condition.issuer || token.state !== condition.state) return false;
      const { audience, place } = condition;
      return (
        (audience === undefined || token.audiences.includes(audience)) &&
        (place === undefined || placeText(place) === placeText(token.place))
      );
    }
    case 'port':
      return fixed.port >= condition.start && fixed.port < condition.end;
    case 'unknown':
      return undefined;
  }
}

function isForAudience({ audiences }: TokenClaims, accepted: readonly string[]): boolean {
  return accepted.length === 0 || accepted.some((audience) => audiences.includes(audience));
}

function textHolds(
  { subject, match, isInverted, missingIsEmpty }: Extract<Condition, { kind: 'text' }>,
  parts: RequestParts,
  fixed: FixedParts,
): boolean {
  const texts = textsOf(subject, parts, fixed);
  if (match.kind === 'present') return texts.length > 0 !== isInverted;
  const compared = texts.length === 0 && missingIsEmpty ? [''] : texts;
  return compared.length > 0 && compared.some((text) => matchesText(match, text)) !== isInverted;
}

/** Reports whether a text that is there satisfies a condition. */
export function matchesTextOf({ match, isInverted }: Extract<Condition, { kind: 'text' }>, text: string): boolean {
  return matchesText(match, text) !== isInverted;
}

/** Returns the texts of a subject: none if it is absent, and several for a claim that is a list. */
function textsOf(subject: Subject, parts: RequestParts, fixed: FixedParts): readonly string[] {
  const one = (text: string | undefined): string[] => (text === undefined ? [] : [text]);
  switch (subject.kind) {
    case 'path':
      return [parts.path];
    case 'full_path':
      return [fullPath(parts)];
    case 'method':
      return [parts.method];
    case 'authority':
      return [parts.authority];
    case 'scheme':
      return [fixed.scheme];
    case 'identity':
      return one(fixed.identity);
    case 'header':
      return one(parts.headers.get(subject.name));
    case 'query':
      return one(parts.query.get(subject.name));
    case 'claim':
      return claimTexts(parts, subject.path);
  }
}

/** Returns the path with the query, as a client sends it. */
export function fullPath({ path, query }: Pick<RequestParts, 'path' | 'query'>): string {
  const pairs = [...query].map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

/** Returns the texts of a claim. Only a token that Envoy accepts has claims. */
function claimTexts({ token, acceptedAudiences }: RequestParts, path: readonly string[]): string[] {
  if (token?.state !== 'valid' || !isForAudience(token, acceptedAudiences)) return [];
  const payload: unknown = { ...token.claims, iss: token.issuer, sub: token.subject, aud: token.audiences };
  const value = path.reduce<unknown>(
    (part, key) => (typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[key] : undefined),
    payload,
  );
  return (Array.isArray(value) ? value : [value]).filter((text) => typeof text === 'string');
}

/** Returns the aspect of a condition, for its place in a report. */
export function aspectOf(condition: Condition): ConditionAspect {
  switch (condition.kind) {
    case 'token':
      return 'token';
    case 'port':
      return 'port';
    case 'unknown':
      return 'other';
    case 'text':
      return subjectAspect(condition.subject);
  }
}

function subjectAspect({ kind }: Subject): ConditionAspect {
  switch (kind) {
    case 'path':
    case 'full_path':
      return 'path';
    case 'method':
    case 'authority':
    case 'header':
    case 'query':
      return kind;
    case 'claim':
      return 'token';
    case 'scheme':
    case 'identity':
      return 'other';
  }
}

/** Returns a condition as people read it, such as `end-user=jason` or `/details/*`. */
export function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case 'text':
      return subjectText(condition.subject, condition.match);
    case 'token':
      return tokenText(condition);
    case 'port':
      return condition.end === condition.start + 1
        ? `port ${condition.start}`
        : `port ${condition.start}…${condition.end - 1}`;
    case 'unknown':
      return condition.text;
  }
}

/** Returns a condition as reports show it, with texts in the place of values that may be secret. */
export function shownConditionText(condition: Condition, secrets: SecretMarks): string {
  return shownText(conditionText(withoutSecretValue(condition, secrets)), secrets);
}

function withoutSecretValue(condition: Condition, secrets: SecretMarks): Condition {
  if (condition.kind !== 'text') return condition;
  const { subject, match } = condition;
  if (subject.kind !== 'header' && subject.kind !== 'query') return condition;
  const { name } = subject;
  if (match.kind === 'regex')
    return isSecret({ name, value: match.source })
      ? { ...condition, match: { ...match, source: secrets.of(match.source) } }
      : condition;
  return 'value' in match && isSecret({ name, value: match.value })
    ? { ...condition, match: { ...match, value: secrets.of(match.value) } }
    : condition;
}

function tokenText({ issuer, state, audience, place }: Extract<Condition, { kind: 'token' }>): string {
  switch (state) {
    case 'valid': {
      const audienceText = audience === undefined ? '' : ` for ${audience}`;
      return `token of ${issuer}${audienceText}${place === undefined ? '' : ` in ${placeText(place)}`}`;
    }
    case 'expired':
      return `expired token of ${issuer}`;
    case 'wrong_signature':
      return `forged token of ${issuer}`;
  }
}

/** Returns the place of a token as people read it, such as `header x-token`. */
function placeText(place: TokenClaims['place']): string {
  const prefix = place.kind === 'header' ? place.prefix.trim() : '';
  return `${place.kind} ${place.name}${prefix === '' ? '' : ` after ${prefix}`}`;
}

function subjectText(subject: Subject, match: TextMatch): string {
  const text = matchText(match);
  switch (subject.kind) {
    case 'path':
    case 'full_path':
      return text;
    case 'method':
      return text;
    case 'authority':
      return `host ${text}`;
    case 'scheme':
    case 'identity':
      return `${subject.kind} ${text}`;
    case 'header':
    case 'query':
    case 'claim': {
      const name = subject.kind === 'claim' ? `claim ${subject.path.join('.')}` : subject.name;
      const title = subject.kind === 'query' ? `?${name}` : name;
      if (match.kind === 'present') return title;
      return match.kind === 'regex' ? `${title}${text}` : `${title}=${text}`;
    }
  }
}
