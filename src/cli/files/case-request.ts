import type { Node } from 'yaml';
import type { Capture } from '../../cases/captures.ts';
import type { CaseRequest, NamedPart, RequestUrl } from '../../cases/case.ts';
import type { ErrorList } from '../../error/error-list.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { ClientTls } from '../../execute/client.ts';
import type { Expectation } from '../../expect/expectation.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { parseTextSource } from '../../expect/parse-source.ts';
import { durationMs, text, wholeNumber } from '../../options/option-values.ts';
import { headerValueProblem, hostProblem, methodProblem } from '../../plan/fields.ts';
import { parsePath } from '../../plan/parse.ts';
import { type Header, noLimits, type Plan } from '../../plan/plan.ts';
import { readText } from '../process/read-text.ts';
import { textName } from './case-table.ts';
import { fileOf } from './case-texts.ts';
import { readHeaders } from './header-fields.ts';
import type { Fields, YamlFile } from './yaml-file.ts';

/** Fields of a request, which a case and its further requests have. */
export const requestFields = [
  'from',
  'call',
  'url',
  'over',
  'method',
  'host',
  'headers',
  'data',
  'cacert',
  'cert',
  'key',
  'repeat',
  'concurrency',
  'timeout',
  'capture',
  'expect',
] as const;

/** Fields that a further request takes over from the first one. */
export type Inherited = Pick<CaseRequest, 'from' | 'protocol' | 'host' | 'timeoutMs' | 'tls'>;

const noPlan: Plan = { kind: 'answer', directives: [], uri: '/' };

/** Reader of the requests of a file of cases. It keeps all errors, so that a user sees them at once. */
export class RequestReader {
  private readonly yaml: YamlFile;
  private readonly errors: ErrorList;
  /** Returns the path of a file that the file of cases names. */
  private readonly pathOf: (name: string) => string;
  /** Names that the requests read so far have. */
  readonly names: NamedPart[] = [];

  constructor(yaml: YamlFile, errors: ErrorList, pathOf: (name: string) => string) {
    this.yaml = yaml;
    this.errors = errors;
    this.pathOf = pathOf;
  }

  /** @param node node of the request, for missing fields */
  read(node: Node, fields: Fields, inherited: Inherited): CaseRequest {
    const { errors } = this;
    const { url, plan = noPlan } = this.target(node, fields);
    const protocol = this.protocol(fields, url) ?? inherited.protocol;
    // A URL says the gateway and the host itself.
    const first = url === undefined ? inherited : undefined;
    return {
      from: this.from(fields) ?? first?.from,
      url,
      protocol,
      host: this.value(fields, 'host', hostOf) ?? first?.host,
      method: this.method(fields, protocol),
      plan,
      ...this.content(fields, protocol),
      repeat: this.value(fields, 'repeat', wholeNumber(1, 100_000)) ?? 1,
      concurrency: this.value(fields, 'concurrency', wholeNumber(1, 1000)) ?? 1,
      timeoutMs: this.value(fields, 'timeout', durationMs) ?? inherited.timeoutMs,
      expectations: this.expectations(node, fields),
      tls: this.tls(fields, inherited.tls),
      captures: errors.collect(() => this.captures(fields.get('capture'))) ?? [],
    };
  }

  private from(fields: Fields): string | undefined {
    const name = this.value(fields, 'from', text);
    const node = fields.get('from');
    if (name !== undefined && node !== undefined)
      this.names.push({ kind: 'entry', name, place: this.yaml.placeIn(node) });
    return name;
  }

  private protocol(fields: Fields, url: RequestUrl | undefined): 'http' | 'grpc' | undefined {
    const over = this.value(fields, 'over', protocolOf);
    if (url === undefined) return over;
    if (over !== undefined)
      this.errors.add(this.yaml.errorAt(fields.get('over'), 'no "over" beside "url": the scheme of the URL says it'));
    return url.scheme.startsWith('grpc') ? 'grpc' : 'http';
  }

  private method(fields: Fields, protocol: 'http' | 'grpc'): string {
    if (protocol === 'grpc' && fields.has('method'))
      this.errors.add(this.yaml.errorAt(fields.get('method'), 'no method: every request over gRPC is a POST'));
    return this.value(fields, 'method', methodOf) ?? (fields.has('data') ? 'POST' : 'GET');
  }

  private content(fields: Fields, protocol: 'http' | 'grpc'): Pick<CaseRequest, 'headers' | 'data'> {
    const { yaml, errors } = this;
    const file = fileOf(yaml, fields.get('data'));
    const data = this.value(fields, 'data', (value) => (file === undefined ? value : readText(this.pathOf(file))));
    const hasData = fields.has('data');
    if (hasData && protocol === 'grpc')
      errors.add(yaml.errorAt(fields.get('data'), 'no data: over gRPC the plan is the request'));
    const headers = errors.collect(() => readHeaders(yaml, fields.get('headers'), hasData)) ?? [];
    const hasType = headers.some(({ name }) => name === 'content-type');
    return { data, headers: data === undefined || hasType ? headers : [...headers, typeOf(data)] };
  }

  /** Reads the URL or the path of a request. */
  private target(node: Node, fields: Fields): { readonly url: RequestUrl | undefined; readonly plan?: Plan } {
    const { yaml, errors } = this;
    const url = fields.get('url');
    if (url === undefined) {
      const call = errors.collect(() => yaml.required(node, fields, 'call', '/@reviews/x'));
      const plan = call && errors.collect(() => yaml.parseScalar(call, (value) => parsePath(value, noLimits)));
      return { url: undefined, ...optional('plan', plan) };
    }
    if (fields.has('call')) errors.add(yaml.errorAt(fields.get('call'), 'call or url, not both'));
    return errors.collect(() => yaml.parseScalar(url, parseRequestUrl)) ?? { url: undefined };
  }

  private expectations(node: Node, fields: Fields): Expectation[] {
    const { yaml, errors } = this;
    const example = 'reviews version = v2';
    const expected = errors.collect(() => yaml.required(node, fields, 'expect', example));
    if (expected === undefined) return [];
    const items = yaml.isList(expected) ? errors.collect(() => yaml.list(expected, example)) : [expected];
    return (items ?? []).flatMap((item) => {
      const description = `an expectation such as "${example}", or a list of them`;
      return errors.collect(() => yaml.parseScalar(item, parseExpectation, description)) ?? [];
    });
  }

  private tls(fields: Fields, inherited: ClientTls): ClientTls {
    const file = (name: string): string | undefined =>
      this.value(fields, name, (value) => readText(this.pathOf(text(value))));
    const [ca, cert, key] = [file('cacert'), file('cert'), file('key')];
    if (fields.has('cert') !== fields.has('key'))
      this.errors.add(this.yaml.errorAt(fields.get('cert') ?? fields.get('key'), 'cert and key together'));
    return { ...inherited, ...optional('ca', ca), ...optional('cert', cert), ...optional('key', key) };
  }

  private captures(node: Node | undefined): Capture[] {
    if (node === undefined) return [];
    const { yaml } = this;
    return [...yaml.entries(node, 'values of the answer such as "cookie: answer-header set-cookie"')].map(
      ([name, { key, value }]) => {
        if (!textName.test(name)) throw yaml.errorAt(key, 'a name of letters and digits, which begins with a letter');
        return { name, source: yaml.parseScalar(value, parseTextSource) };
      },
    );
  }

  /** Parses the scalar of an optional field, and keeps its error. */
  private value<T>(fields: Fields, name: string, parse: (value: string) => T): T | undefined {
    return this.errors.collect(() => this.yaml.optionalScalar(fields, name, parse));
  }
}

/**
 * Parses the URL of a request at a gateway. Its path stays as it is, since it may be a plan.
 *
 * @throws MeshmockError `usage`
 * @example
 * parseRequestUrl('https://shop.example/cart').url; // { scheme: 'https', host: 'shop.example', port: 443 }
 */
export function parseRequestUrl(value: string): { readonly url: RequestUrl; readonly plan: Plan } {
  const match = /^(https?|grpcs?):\/\/([^/:?#@[\]]+)(?::(\d{1,5}))?(\/.*)?$/.exec(value);
  const [, scheme, name = '', port, path = '/'] = match ?? [];
  if (scheme === undefined)
    throw new MeshmockError('usage', `"${value}": expected a URL such as http://shop.example/cart`);
  const problem = hostProblem(name);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  const isTls = scheme.endsWith('s');
  const url = { scheme: scheme as RequestUrl['scheme'], host: name, port: Number(port ?? (isTls ? 443 : 80)) };
  return { url, plan: parsePath(path, noLimits) };
}

/** Returns the content type of a body without one. */
function typeOf(data: string): Header {
  const isJson = /^\s*[[{]/.test(data);
  return { name: 'content-type', value: isJson ? 'application/json' : 'text/plain; charset=utf-8' };
}

function protocolOf(value: string): 'http' | 'grpc' {
  if (value === 'http' || value === 'grpc') return value;
  throw new MeshmockError('usage', `"${value}": expected http or grpc`);
}

function methodOf(value: string): string {
  return validated(value, methodProblem(value));
}

function hostOf(value: string): string {
  return validated(value, headerValueProblem('host', value));
}

function validated(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}
