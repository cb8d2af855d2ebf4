import path from 'node:path';
import type { Node } from 'yaml';
import type { Case, CaseFile, WorkloadFault } from '../../cases/case.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { checkNamespace } from '../../manifests/called-services.ts';
import { headerValueProblem, methodProblem } from '../../plan/fields.ts';
import { parseDirectives, parsePath } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { durationMs, text, wholeNumber, yesOrNo } from '../options/option-values.ts';
import { readHeaders } from './header-fields.ts';
import { YamlFile } from './yaml-file.ts';

const fileFields = ['manifests', 'namespace', 'fill', 'before', 'apply', 'cases', 'always'];
const caseFields = [
  ...['name', 'from', 'call', 'over', 'method', 'host', 'headers', 'repeat', 'concurrency'],
  ...['timeout', 'retry-until', 'given', 'expect'],
];

/** What a case waits for where it says nothing. */
export interface CaseDefaults {
  readonly timeoutMs: number;
  readonly retryUntilMs: number;
}

/**
 * Reads a file of cases.
 *
 * @param file its path, from which those in it are found; it stands before each error, with line and column
 * @throws MeshmockError `usage`
 */
export function parseCaseFile(content: string, file: string, defaults: CaseDefaults): CaseFile {
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

  read(): CaseFile {
    const { yaml } = this;
    const fields = yaml.fields(yaml.contents, fileFields, 'cases under "cases:"');
    const [before, cases, always] = ['before', 'cases', 'always'].map((name) => this.cases(fields.get(name))) as [
      Case[],
      Case[],
      Case[],
    ];
    if (!fields.has('cases') && !fields.has('always')) throw yaml.errorAt(yaml.contents, 'cases under "cases:"');
    if (before.length > 0 && !fields.has('apply'))
      throw yaml.errorAt(fields.get('before'), 'a change under "apply:", which comes after these cases');
    this.checkNames([...before, ...cases, ...always]);
    return {
      name: this.name,
      manifests: this.paths(fields.get('manifests')),
      change: this.paths(fields.get('apply')),
      namespace: this.yaml.optionalScalar(fields, 'namespace', namespace) ?? 'default',
      fill: this.yaml.optionalScalar(fields, 'fill', yesOrNo) ?? false,
      before,
      cases,
      always,
    };
  }

  private paths(node: Node | undefined): string[] {
    if (node === undefined) return [];
    const folder = path.dirname(this.name);
    return this.yaml.list(node, 'services.yaml').map((item) => {
      const name = this.yaml.parseScalar(item, text);
      return path.isAbsolute(name) ? name : path.join(folder, name);
    });
  }

  private cases(node: Node | undefined): Case[] {
    return node === undefined ? [] : this.yaml.list(node, 'name: jason gets v2').map((item) => this.case(item));
  }

  /** A report says which case it is by its name alone. */
  private checkNames(cases: readonly Case[]): void {
    const seen = new Map<string, string>();
    for (const { name, where } of cases) {
      const first = seen.get(name);
      if (first !== undefined)
        throw new MeshmockError('usage', `${where}: another case, at ${first}, has the name "${name}"`);
      seen.set(name, where);
    }
  }

  private case(node: Node): Case {
    const { yaml, defaults } = this;
    const fields = yaml.fields(node, caseFields, 'a case with a name, a call and what to expect');
    const required = (name: string, example: string): Node => {
      const found = fields.get(name);
      if (found === undefined) throw yaml.errorAt(node, `a case with ${name}, such as "${name}: ${example}"`);
      return found;
    };
    const expected = required('expect', 'reviews version = v2');
    const over = this.yaml.optionalScalar(fields, 'over', protocol) ?? 'http';
    if (over === 'grpc' && fields.has('method'))
      throw yaml.errorAt(fields.get('method'), 'no method: over gRPC every request is a POST');
    return {
      name: yaml.parseScalar(required('name', 'jason gets v2'), text),
      where: yaml.whereIs(node),
      from: this.yaml.optionalScalar(fields, 'from', text),
      protocol: over,
      host: this.yaml.optionalScalar(fields, 'host', host),
      method: this.yaml.optionalScalar(fields, 'method', method) ?? 'GET',
      plan: yaml.parseScalar(required('call', '/@reviews/x'), (value) => parsePath(value, noLimits)),
      headers: readHeaders(yaml, fields.get('headers')),
      repeat: this.yaml.optionalScalar(fields, 'repeat', wholeNumber(1, 100_000)) ?? 1,
      concurrency: this.yaml.optionalScalar(fields, 'concurrency', wholeNumber(1, 1000)) ?? 1,
      timeoutMs: this.yaml.optionalScalar(fields, 'timeout', durationMs) ?? defaults.timeoutMs,
      retryUntilMs: this.yaml.optionalScalar(fields, 'retry-until', durationMs) ?? defaults.retryUntilMs,
      expectations: (yaml.isList(expected) ? yaml.list(expected, 'reviews version = v2') : [expected]).map((item) =>
        yaml.parseScalar(item, parseExpectation, 'an expectation such as "reviews version = v2", or a list of them'),
      ),
      faults: this.given(fields.get('given')),
    };
  }

  private given(node: Node | undefined): WorkloadFault[] {
    if (node === undefined) return [];
    const expected = 'who is sick, such as "reviews: /~status=503:version=v2" or "reviews-v2: down"';
    return [...this.yaml.entries(node, expected)].map(([name, { value }]) =>
      this.yaml.parseScalar(value, (content): WorkloadFault => {
        if (content === 'down') return { kind: 'replicas', deployment: name, replicas: 0 };
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
  return checked(value, methodProblem(value));
}

function host(value: string): string {
  return checked(value, headerValueProblem('host', value));
}

function checked(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

function namespace(value: string): string {
  checkNamespace(value);
  return value;
}
