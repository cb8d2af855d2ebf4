import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { grpcAddressFor, grpcPortOffset, type ListenAddress, parseAddress } from '../../plan/address.ts';
import { methodProblem } from '../../plan/fields.ts';
import { formatPath } from '../../plan/format.ts';
import { fromMessage } from '../../plan/from-message.ts';
import { parsePath } from '../../plan/parse.ts';
import { authorityOf, noLimits, type Plan } from '../../plan/plan.ts';
import { toMessage } from '../../plan/to-message.ts';
import { callMethod } from '../../reply/reply.ts';
import { quoteWord, splitWords } from './shell-words.ts';

export const planForms = ['path', 'json', 'curl', 'grpcurl'] as const;
export type PlanForm = (typeof planForms)[number];

/** A plan, and the address, headers, method and body of the command that it was written in. */
export interface PlanCommand {
  readonly form: PlanForm;
  readonly plan: Plan;
  /** HTTP address of the service that executes the plan, if the command has one. */
  readonly http?: ListenAddress;
  /** gRPC address of that service, if the command has one. */
  readonly grpc?: ListenAddress;
  /** True if the service is called over TLS. */
  readonly isTls?: boolean;
  /** Headers of the first request, as `Name: value`. */
  readonly headers: readonly string[];
  /** HTTP method of the first request, if the command has one. */
  readonly method?: string;
  /** Body of the first HTTP request, if the command has one. */
  readonly data?: string;
}

/**
 * Parses a plan in any of its forms: a path, a URL, JSON, or a command for curl or grpcurl.
 *
 * @throws MeshmockError with the offset, the field, or the part of the command that is wrong
 * @example
 * readCommand("curl -g -H 'end-user: jason' 'localhost:8080/@a/x'").http; // { host: 'localhost', port: 8080 }
 */
export function readCommand(text: string): PlanCommand {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return { form: 'json', plan: planOfJson(trimmed), headers: [] };
  const [program] = /^(?:curl|grpcurl)(?=\s|$)/.exec(trimmed) ?? [];
  if (program === 'curl') return readCurl(splitWords(trimmed).slice(1));
  if (program === 'grpcurl') return readGrpcurl(splitWords(trimmed).slice(1));
  return trimmed.startsWith('/')
    ? { form: 'path', plan: parsePath(trimmed, noLimits), headers: [] }
    : { ...readUrl(trimmed), form: 'path', headers: [] };
}

function planOfJson(text: string): Plan {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    throw new MeshmockError('usage', `invalid JSON: ${(error as Error).message}`);
  }
  const { path, plan } = (message ?? {}) as { path?: unknown; plan?: unknown };
  // A request has one of the two. The output of `/-/plan` has both, with the same content.
  if (plan !== undefined && plan !== null) return fromMessage(plan, noLimits);
  return typeof path === 'string' ? parsePath(path, noLimits) : fromMessage(message, noLimits);
}

function readUrl(url: string): { plan: Plan; http: ListenAddress; isTls: boolean } {
  const [, scheme, authority = '', path = ''] = /^(?:(https?):\/\/)?([^/?]*)(.*)$/s.exec(url) ?? [];
  const isTls = scheme === 'https';
  if (scheme === undefined && !/[.:]|^localhost$/.test(authority)) {
    throw new MeshmockError('usage', `"${url}": expected a path such as /@a/x, or a URL such as localhost:8080/@a/x`);
  }
  const { plan, address } = readAuthority(authority, path, isTls ? 443 : 80);
  return { plan, http: address, isTls };
}

/**
 * Parses the authority and the path of a URL.
 *
 * @param port the port if the authority has none
 * @throws MeshmockError as `parseAddress` and `parsePath` do
 */
export function readAuthority(authority: string, path: string, port: number): { plan: Plan; address: ListenAddress } {
  const address = /:\d+$/.test(authority) ? authority : `${authority}:${port}`;
  return { plan: parsePath(path.replace(/^(?!\/)/, '/'), noLimits), address: parseAddress(address) };
}

/** Flags of curl that do not change the plan. Browsers write `--compressed` when they copy a request. */
const curlFlags = new Set([
  '-g',
  '--globoff',
  '-s',
  '--silent',
  '-S',
  '--show-error',
  '-i',
  '--include',
  '-v',
  '--verbose',
  '-k',
  '--insecure',
  '--compressed',
  '--path-as-is',
]);

function readCurl(words: readonly string[]): PlanCommand {
  const { headers, positionals, data, method } = readFlags('curl', words, {
    plain: curlFlags,
    header: ['-H', '--header'],
    data: ['-d', '--data', '--data-raw', '--data-binary', '--data-ascii'],
    method: ['-X', '--request'],
  });
  const [url, more] = positionals;
  if (url === undefined || more !== undefined) throw new MeshmockError('usage', 'curl: expected exactly one URL');
  return { form: 'curl', ...readUrl(url), headers, ...optional('data', data), ...optional('method', method) };
}

function readGrpcurl(words: readonly string[]): PlanCommand {
  const { headers, data, positionals } = readFlags('grpcurl', words, {
    plain: new Set(['-plaintext', '-v']),
    header: ['-H', '-rpc-header'],
    data: ['-d'],
    method: [],
  });
  const [address, called] = positionals;
  if (address === undefined || called !== callMethod)
    throw new MeshmockError('usage', `grpcurl: expected HOST:PORT ${callMethod}`);
  if (data === undefined) throw new MeshmockError('usage', 'grpcurl: expected -d with the request');
  const isTls = !words.includes('-plaintext');
  const { host, port } = parseAddress(address);
  const http = { host, port: isTls || port <= grpcPortOffset ? port : port - grpcPortOffset };
  return { form: 'grpcurl', plan: planOfJson(data), http, grpc: { host, port }, isTls, headers };
}

/** Flags that a `PlanCommand` can hold. */
interface KnownFlags {
  /** Flags without a value, which do not change the request. */
  readonly plain: ReadonlySet<string>;
  readonly header: readonly string[];
  readonly data: readonly string[];
  readonly method: readonly string[];
}

interface ReadFlags {
  readonly headers: string[];
  readonly positionals: string[];
  readonly data?: string;
  readonly method?: string;
}

/** Reads the words of a command. @throws MeshmockError `usage` for a flag that would be lost */
function readFlags(program: string, words: readonly string[], known: KnownFlags): ReadFlags {
  const headers: string[] = [];
  const positionals: string[] = [];
  const bodies: string[] = [];
  let method: string | undefined;
  const rest = [...words];
  const takeValue = (flag: string): string => {
    const value = rest.shift();
    if (value === undefined) throw new MeshmockError('usage', `${program} ${flag}: expected a value`);
    return value;
  };
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    const [word, value] = splitGlued(next, known);
    if (value !== undefined) rest.unshift(value);
    if (known.header.includes(word)) headers.push(takeValue(word));
    else if (known.data.includes(word)) bodies.push(dataOf(program, word, takeValue(word)));
    else if (known.method.includes(word)) method = checkedMethod(program, word, takeValue(word));
    else if (!word.startsWith('-')) positionals.push(word);
    else if (!known.plain.has(word) && !areShortFlags(word, known.plain))
      throw new MeshmockError('usage', `${program} ${word} has no place in a plan; leave it out`);
  }
  // curl joins several bodies.
  const data = bodies.length === 0 ? undefined : bodies.join('&');
  return { headers, positionals, ...optional('data', data), ...optional('method', method) };
}

function checkedMethod(program: string, flag: string, value: string): string {
  const problem = methodProblem(value);
  if (problem === undefined) return value;
  throw new MeshmockError('usage', `${program} ${flag} "${value}": expected ${problem}`);
}

/** Returns the body of a request. @throws MeshmockError `usage` for `@FILE`, because the plan would lose the file */
function dataOf(program: string, flag: string, value: string): string {
  if (!value.startsWith('@') || flag === '--data-raw') return value;
  throw new MeshmockError('usage', `${program} ${flag} ${value} reads a file: write the body itself`);
}

/** Splits a flag from a value without a space, such as `-XPOST`, as curl does. */
function splitGlued(word: string, { header, data, method }: KnownFlags): [flag: string, value?: string] {
  const flag = word.slice(0, 2);
  const isGlued = word.length > 2 && !word.startsWith('--') && [...header, ...data, ...method].includes(flag);
  return isGlued ? [flag, word.slice(2)] : [word];
}

/** Reports whether a word is a group of known one-letter flags, such as `-sg`. */
function areShortFlags(word: string, plain: ReadonlySet<string>): boolean {
  return /^-[A-Za-z]{2,}$/.test(word) && [...word.slice(1)].every((letter) => plain.has(`-${letter}`));
}

const standardAddress: ListenAddress = { host: 'localhost', port: 8080 };

/**
 * Formats a plan in one of its forms.
 *
 * @example
 * writeCommand(readCommand('/@a/x'), 'curl'); // "curl -g 'localhost:8080/@a/x'"
 */
export function writeCommand(
  { plan, http = standardAddress, isTls = false, headers, method, data }: PlanCommand,
  form: PlanForm,
): string {
  const path = formatPath(plan);
  const headerWords = headers.map((header) => ` -H ${quoteWord(header)}`).join('');
  switch (form) {
    case 'path':
      return path;
    case 'json':
      return JSON.stringify(toMessage(plan), undefined, 2);
    case 'curl': {
      const asIs = /\/\.{1,2}(?:\/|$)/.test(path) ? ' --path-as-is' : '';
      const methodWords = method === undefined ? '' : ` -X ${method}`;
      const dataWords = data === undefined ? '' : ` --data-raw ${quoteWord(data)}`;
      return `curl -g${asIs}${methodWords}${headerWords}${dataWords} ${quoteWord((isTls ? 'https://' : '') + authorityOf(http) + path)}`;
    }
    case 'grpcurl': {
      const grpc = isTls ? http : grpcAddressFor(http);
      return `grpcurl${isTls ? '' : ' -plaintext'}${headerWords} -d ${quoteWord(JSON.stringify({ path }))} ${authorityOf(grpc)} ${callMethod}`;
    }
  }
}
