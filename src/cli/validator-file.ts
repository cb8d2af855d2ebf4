import type { Node } from 'yaml';
import type {
  AssertedRequest,
  AssertedRoute,
  Delegate,
  Fault,
  HeaderChanges,
  HeaderOperations,
  Redirect,
  Rewrite,
  RouteDestination,
} from '../cases/asserted-route.ts';
import type { Case, CaseFile } from '../cases/case.ts';
import { MeshmockError } from '../plan/error.ts';
import { methodProblem } from '../plan/fields.ts';
import { parsePath } from '../plan/parse.ts';
import { noLimits } from '../plan/plan.ts';
import type { CaseDefaults } from './case-file.ts';
import { readHeaders } from './header-fields.ts';
import { durationMs, text, wholeNumber, yesOrNo } from './option-values.ts';
import { type Fields, YamlFile } from './yaml-file.ts';

const caseFields = [
  ...['description', 'wantMatch', 'request'],
  ...['route', 'redirect', 'rewrite', 'fault', 'headers', 'delegate'],
];

const listName = /^["']?testCases["']?[ \t]*:/im;

/** Whether a text is a file of istio-config-validator, whose list of cases has a name that our own files do not know. */
export function isValidatorFile(content: string): boolean {
  return listName.test(content);
}

/**
 * Reads a file of istio-config-validator (its docs/test-cases.md, and internal/pkg/parser/testcase.go): a case for
 * every combination of authority, method and uri.
 *
 * @param file its path; it stands before each error, with line and column
 * @throws MeshmockError `usage`
 */
export function parseValidatorFile(content: string, file: string, defaults: CaseDefaults): CaseFile {
  const cases = YamlFile.all(content, file).flatMap((yaml) => new ValidatorReader(yaml, defaults).cases());
  return {
    ...{ name: file, manifests: [], change: [], namespace: 'default', fill: true, before: [], cases, always: [] },
    assertsRoutes: true,
  };
}

class ValidatorReader {
  private readonly yaml: YamlFile;
  private readonly defaults: CaseDefaults;

  constructor(yaml: YamlFile, defaults: CaseDefaults) {
    this.yaml = yaml;
    this.defaults = defaults;
  }

  cases(): Case[] {
    const { yaml } = this;
    // Go's JSON takes `TestCases` too, and files of theirs have it.
    const [list] = yaml.fields(yaml.contents, ['testCases', 'TestCases'], 'cases under "testCases:"').values();
    return yaml.list(list, 'description: …').flatMap((item) => this.combinations(item));
  }

  private combinations(node: Node): Case[] {
    const { yaml } = this;
    const fields = yaml.fields(node, caseFields, 'a case with a description, a request and what is asserted');
    const description = yaml.parsed(this.required(fields, 'description', node, 'happy path users'), text);
    const requestNode = this.required(fields, 'request', node, '{ authority: […], method: […], uri: […] }');
    const asserted: Omit<AssertedRoute, 'request'> = {
      wantMatch: this.yaml.optional(fields, 'wantMatch', yesOrNo) ?? false,
      route: this.given(fields, 'route', (list) =>
        yaml.list(list, 'destination: { host: users }').map((item) => this.destination(item)),
      ),
      redirect: this.given(fields, 'redirect', (value) => this.redirect(value)),
      rewrite: this.given(fields, 'rewrite', (value) => this.rewrite(value)),
      fault: this.given(fields, 'fault', (value) => this.fault(value)),
      headers: this.given(fields, 'headers', (value) => this.headers(value)),
      delegate: this.given(fields, 'delegate', (value) => this.delegate(value)),
    };
    return this.requests(requestNode).map((request) => this.case(node, description, { ...asserted, request }));
  }

  private case(node: Node, description: string, asserted: AssertedRoute): Case {
    const { authority, method, uri } = asserted.request;
    return {
      name: `${description}: ${method} ${authority}${uri}`,
      where: this.yaml.whereIs(node),
      ...{ from: undefined, protocol: 'http', host: undefined, method, headers: [], expectations: [], given: [] },
      plan: { kind: 'answer', directives: [], uri },
      ...{ repeat: 1, concurrency: 1, ...this.defaults },
      asserted,
    };
  }

  private requests(node: Node): AssertedRequest[] {
    const fields = this.yaml.fields(node, ['authority', 'method', 'uri', 'headers'], 'authority, method and uri');
    const texts = (name: string, example: string, parse: (value: string) => string): string[] =>
      this.yaml
        .list(this.required(fields, name, node, `[${example}]`), example)
        .map((item) => this.yaml.parsed(item, parse));
    const authorities = texts('authority', 'www.example.com', authority);
    const methods = texts('method', 'GET', method);
    const uris = texts('uri', '/users', uri);
    const headers = readHeaders(this.yaml, fields.get('headers'));
    // In the order of the validator.
    return uris.flatMap((uri) =>
      authorities.flatMap((authority) => methods.map((method) => ({ authority, method, uri, headers }))),
    );
  }

  private destination(node: Node): RouteDestination {
    const { yaml } = this;
    const fields = yaml.fields(node, ['destination', 'weight', 'headers'], 'a destination, and perhaps its weight');
    const inner = this.required(fields, 'destination', node, '{ host: users }');
    const own = yaml.fields(inner, ['host', 'port', 'subset'], 'a host, and perhaps its port and a subset');
    return {
      host: yaml.parsed(this.required(own, 'host', inner, 'users'), text),
      port: this.given(own, 'port', (value) => {
        const port = yaml.fields(value, ['number'], 'the number of a port');
        return yaml.parsed(this.required(port, 'number', value, '80'), portNumber);
      }),
      subset: this.yaml.optional(own, 'subset', text),
      weight: this.yaml.optional(fields, 'weight', wholeNumber(0, 100)),
      headers: this.given(fields, 'headers', (value) => this.headers(value)),
    };
  }

  private redirect(node: Node): Redirect {
    const known = ['uri', 'authority', 'scheme', 'port', 'redirectCode'];
    const fields = this.yaml.fields(node, known, 'where to, such as "uri: /v2"');
    return {
      uri: this.yaml.optional(fields, 'uri', text),
      authority: this.yaml.optional(fields, 'authority', text),
      scheme: this.yaml.optional(fields, 'scheme', text),
      port: this.yaml.optional(fields, 'port', portNumber),
      status: this.yaml.optional(fields, 'redirectCode', wholeNumber(300, 399)) ?? 301,
    };
  }

  private rewrite(node: Node): Rewrite {
    const { yaml } = this;
    const fields = yaml.fields(node, ['uri', 'authority', 'uriRegexRewrite'], 'a rewrite, such as "uri: /v2"');
    return {
      uri: this.yaml.optional(fields, 'uri', text),
      authority: this.yaml.optional(fields, 'authority', text),
      regex: this.given(fields, 'uriRegexRewrite', (value) => {
        const regex = yaml.fields(value, ['match', 'rewrite'], 'match and rewrite');
        return {
          match: yaml.parsed(this.required(regex, 'match', value, '^/v1/(.*)$'), text),
          rewrite: yaml.parsed(this.required(regex, 'rewrite', value, '/v2/\\1'), text),
        };
      }),
    };
  }

  private fault(node: Node): Fault {
    const { yaml } = this;
    const fields = yaml.fields(node, ['delay', 'abort'], 'a delay or an abort');
    return {
      delay: this.given(fields, 'delay', (value) => {
        const delay = yaml.fields(value, ['percentage', 'percent', 'fixedDelay'], 'a fixedDelay');
        const delayMs = yaml.parsed(this.required(delay, 'fixedDelay', value, '2s'), durationMs);
        return { delayMs, percent: this.percent(delay) };
      }),
      abort: this.given(fields, 'abort', (value) => {
        const abort = yaml.fields(value, ['percentage', 'percent', 'httpStatus', 'grpcStatus'], 'an httpStatus');
        const grpcStatus = this.yaml.optional(abort, 'grpcStatus', text);
        if (grpcStatus !== undefined)
          return { status: { kind: 'grpc', status: grpcStatus }, percent: this.percent(abort) };
        const status = yaml.parsed(this.required(abort, 'httpStatus', value, '503'), wholeNumber(200, 599));
        return { status: { kind: 'http', status }, percent: this.percent(abort) };
      }),
    };
  }

  /** All, if nothing is said (Istio, `HTTPFaultInjection`). */
  private percent(fields: Fields): number {
    const inner = this.given(fields, 'percentage', (value) =>
      this.yaml.optional(this.yaml.fields(value, ['value'], 'a value from 0 to 100'), 'value', percentage),
    );
    return inner ?? this.yaml.optional(fields, 'percent', percentage) ?? 100;
  }

  private headers(node: Node): HeaderChanges {
    const fields = this.yaml.fields(node, ['request', 'response'], 'headers of the request or the response');
    return { request: this.operations(fields.get('request')), response: this.operations(fields.get('response')) };
  }

  private operations(node: Node | undefined): HeaderOperations {
    if (node === undefined) return { set: [], add: [], remove: [] };
    const fields = this.yaml.fields(node, ['set', 'add', 'remove'], 'headers to set, add or remove');
    const removed = this.given(fields, 'remove', (list) =>
      this.yaml.list(list, 'x-name').map((item) => this.yaml.parsed(item, text).toLowerCase()),
    );
    return {
      set: readHeaders(this.yaml, fields.get('set')),
      add: readHeaders(this.yaml, fields.get('add')),
      remove: removed ?? [],
    };
  }

  private delegate(node: Node): Delegate {
    const fields = this.yaml.fields(node, ['name', 'namespace'], 'the name of a VirtualService');
    return {
      name: this.yaml.parsed(this.required(fields, 'name', node, 'users'), text),
      namespace: this.yaml.optional(fields, 'namespace', text),
    };
  }

  private required(fields: Fields, name: string, node: Node, example: string): Node {
    const found = fields.get(name);
    if (found === undefined) throw this.yaml.failAt(node, `${name}, such as "${name}: ${example}"`);
    return found;
  }

  private given<T>(fields: Fields, name: string, read: (node: Node) => T): T | undefined {
    const node = fields.get(name);
    return node === undefined ? undefined : read(node);
  }
}

const portNumber = wholeNumber(1, 65_535);

function authority(value: string): string {
  if (/^[A-Za-z0-9._-]+(?::\d{1,5})?$/.test(value)) return value;
  throw new MeshmockError('usage', `"${value}": expected a host, or HOST:PORT`);
}

function method(value: string): string {
  const problem = methodProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

/** Of a whole URL the host is not looked at, as in the validator. */
function uri(value: string): string {
  const [, path = ''] = /^(?:[a-z]+:\/\/[^/?#]*)?(\/[^#\s]*)$/i.exec(value) ?? [];
  if (path !== '' && isPlain(path)) return path;
  if (path !== '') throw new MeshmockError('usage', `"${value}": a mock takes it for a plan of calls, not for a path`);
  throw new MeshmockError('usage', `"${value}": expected a path such as /users`);
}

function isPlain(path: string): boolean {
  try {
    const plan = parsePath(path, noLimits);
    return plan.kind === 'answer' && plan.directives.length === 0;
  } catch {
    return false;
  }
}

function percentage(value: string): number {
  if (/^\d{1,3}(?:\.\d+)?$/.test(value) && Number(value) <= 100) return Number(value);
  throw new MeshmockError('usage', `"${value}": expected a number from 0 to 100`);
}
