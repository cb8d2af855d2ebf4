import path from 'node:path';
import type { Node } from 'yaml';
import type { CaseFile, ExpectationCase, WorkloadFault } from '../../cases/case.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { checkNamespace } from '../../manifests/called-services.ts';
import { durationMs, text, wholeNumber, yesOrNo } from '../../options/option-values.ts';
import { headerValueProblem, methodProblem } from '../../plan/fields.ts';
import { parseDirectives, parsePath } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { readHeaders } from './header-fields.ts';
import { YamlFile } from './yaml-file.ts';

const fileFields = ['manifests', 'meshConfig', 'namespace', 'fill', 'before', 'apply', 'cases', 'always'];
const caseFields = [
  'name',
  'from',
  'call',
  'over',
  'method',
  'host',
  'headers',
  'repeat',
  'concurrency',
  'timeout',
  'retry-until',
  'given',
  'expect',
];

/** Times of a case that sets none. */
export interface CaseDefaults {
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  /** Time for which a case that fails is tried again, in milliseconds. */
  readonly retryUntilMs: number;
}

/**
 * Parses a file of cases.
 *
 * @param file path of the file; its errors start with it, and paths in the file are relative to its folder
 * @throws MeshmockError `usage` with line and column
 * @example
 * const text = 'cases:\n  - { name: answers, call: /@reviews/x, expect: status = 200 }';
 * parseCaseFile(text, 'test.yaml', { timeoutMs: 10_000, retryUntilMs: 0 }).cases[0]?.name; // 'answers'
 */
export function parseCaseFile(content: string, file: string, defaults: CaseDefaults): CaseFile<ExpectationCase> {
  return new CaseFileReader(content, file, defaults).read();
}

class CaseFileReader {
  private readonly name: string;
  private readonly yaml: YamlFile;
  private readonly defaults: CaseDefaults;

  constructor(content: string, file: string, defaults: CaseDefaults) {
    this.name = file;
    this.yaml = new YamlFile(content, file);
    this.defaults = defaults;
  }

  read(): CaseFile<ExpectationCase> {
    const { yaml } = this;
    const fields = yaml.fields(yaml.contents, fileFields, 'cases under "cases:"');
    const before = this.cases(fields.get('before'));
    const cases = this.cases(fields.get('cases'));
    const always = this.cases(fields.get('always'));
    if (!fields.has('cases') && !fields.has('always')) throw yaml.errorAt(yaml.contents, 'cases under "cases:"');
    if (before.length > 0 && !fields.has('apply'))
      throw yaml.errorAt(fields.get('before'), 'a change under "apply:", because these cases run before it');
    this.checkNames([...before, ...cases, ...always]);
    return {
      name: this.name,
      manifests: this.paths(fields.get('manifests')),
      change: this.paths(fields.get('apply')),
      meshConfig: yaml.optionalScalar(fields, 'meshConfig', (value) => this.path(text(value))),
      namespace: yaml.optionalScalar(fields, 'namespace', namespace) ?? 'default',
      fill: yaml.optionalScalar(fields, 'fill', yesOrNo) ?? false,
      before,
      cases,
      always,
    };
  }

  private paths(node: Node | undefined): string[] {
    if (node === undefined) return [];
    return this.yaml.list(node, 'services.yaml').map((item) => this.path(this.yaml.parseScalar(item, text)));
  }

  /** Returns the path of a file that is relative to the folder of this one. */
  private path(name: string): string {
    return path.isAbsolute(name) ? name : path.join(path.dirname(this.name), name);
  }

  private cases(node: Node | undefined): ExpectationCase[] {
    return node === undefined ? [] : this.yaml.list(node, 'name: jason gets v2').map((item) => this.case(item));
  }

  /** Reports identify a case by its name alone. */
  private checkNames(cases: readonly ExpectationCase[]): void {
    const places = new Map<string, string>();
    for (const { name, where } of cases) {
      const first = places.get(name);
      if (first !== undefined)
        throw new MeshmockError(
          'usage',
          `${where}: the case at ${first} has the same name "${name}": expected another name`,
        );
      places.set(name, where);
    }
  }

  private case(node: Node): ExpectationCase {
    const { yaml, defaults } = this;
    const fields = yaml.fields(node, caseFields, 'a case with a name, a call and what to expect');
    const required = (name: string, example: string): Node => yaml.required(node, fields, name, example);
    const expected = required('expect', 'reviews version = v2');
    const over = yaml.optionalScalar(fields, 'over', protocol) ?? 'http';
    if (over === 'grpc' && fields.has('method'))
      throw yaml.errorAt(fields.get('method'), 'no method: every request over gRPC is a POST');
    return {
      kind: 'expectations',
      name: yaml.parseScalar(required('name', 'jason gets v2'), text),
      where: yaml.whereIs(node),
      from: yaml.optionalScalar(fields, 'from', text),
      protocol: over,
      host: yaml.optionalScalar(fields, 'host', host),
      method: yaml.optionalScalar(fields, 'method', method) ?? 'GET',
      plan: yaml.parseScalar(required('call', '/@reviews/x'), (value) => parsePath(value, noLimits)),
      headers: readHeaders(yaml, fields.get('headers')),
      repeat: yaml.optionalScalar(fields, 'repeat', wholeNumber(1, 100_000)) ?? 1,
      concurrency: yaml.optionalScalar(fields, 'concurrency', wholeNumber(1, 1000)) ?? 1,
      timeoutMs: yaml.optionalScalar(fields, 'timeout', durationMs) ?? defaults.timeoutMs,
      retryUntilMs: yaml.optionalScalar(fields, 'retry-until', durationMs) ?? defaults.retryUntilMs,
      expectations: (yaml.isList(expected) ? yaml.list(expected, 'reviews version = v2') : [expected]).map((item) =>
        yaml.parseScalar(item, parseExpectation, 'an expectation such as "reviews version = v2", or a list of them'),
      ),
      faults: this.faults(fields.get('given')),
    };
  }

  private faults(node: Node | undefined): WorkloadFault[] {
    if (node === undefined) return [];
    const expected = 'faults such as "reviews: /~status=503:version=v2" or "reviews-v2: down"';
    return [...this.yaml.entries(node, expected)].map(([name, { value }]) =>
      this.yaml.parseScalar(value, (content): WorkloadFault => {
        if (content === 'down') return { kind: 'replicas', workload: name, replicas: 0 };
        parseDirectives(content, noLimits);
        return { kind: 'behaviour', service: name, directives: content };
      }),
    );
  }
}

function protocol(value: string): 'http' | 'grpc' {
  if (value === 'http' || value === 'grpc') return value;
  throw new MeshmockError('usage', `"${value}": expected http or grpc`);
}

function method(value: string): string {
  return validated(value, methodProblem(value));
}

function host(value: string): string {
  return validated(value, headerValueProblem('host', value));
}

function validated(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

function namespace(value: string): string {
  checkNamespace(value);
  return value;
}
