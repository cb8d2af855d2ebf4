import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { grpcAddressFor, grpcPortOffset, type ListenAddress, parseAddress } from '../plan/address.ts';
import { formatPath } from '../plan/format.ts';
import { fromMessage } from '../plan/from-message.ts';
import { parsePath } from '../plan/parse.ts';
import { authorityOf, noLimits, type Plan } from '../plan/plan.ts';
import { toMessage } from '../plan/to-message.ts';
import { callMethod as method } from '../reply/reply.ts';
import { quoteWord, splitWords } from './shell-words.ts';

export const planForms = ['path', 'json', 'curl', 'grpcurl'] as const;
export type PlanForm = (typeof planForms)[number];

/** A plan, and what a command around it said besides. */
export interface Command {
  readonly form: PlanForm;
  readonly plan: Plan;
  /** The HTTP address of the service that is to carry it out, if the command named one. */
  readonly http?: ListenAddress;
  /** The gRPC address, if the command named that one. */
  readonly grpc?: ListenAddress;
  /** Whether it is reached over TLS. */
  readonly isTls?: boolean;
  /** Headers of the first request, as `Name: value`. */
  readonly headers: readonly string[];
  /** HTTP method of the first request, if the command named one. */
  readonly method?: string;
  /** Body of the first HTTP request, if the command had one. */
  readonly data?: string;
}

/**
 * Reads a plan in any form.
 *
 * @throws MeshmockError with the offset, the field, or the part of a command that is not understood
 */
export function readCommand(text: string): Command {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return { form: 'json', plan: planOfJson(trimmed), headers: [] };
  const [program] = /^(?:curl|grpcurl)(?=\s)/.exec(trimmed) ?? [];
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
    throw new MeshmockError('usage', `this is no JSON: ${(error as Error).message}`);
  }
  const { path, plan } = (message ?? {}) as { path?: unknown; plan?: unknown };
  // A request has one of them; what `/-/plan` prints has both, which say the same.
  if (plan !== undefined && plan !== null) return fromMessage(plan, noLimits);
  return typeof path === 'string' ? parsePath(path, noLimits) : fromMessage(message, noLimits);
}

function readUrl(url: string): { plan: Plan; http: ListenAddress; isTls: boolean } {
  const [, scheme, authority = '', path = ''] = /^(?:(https?):\/\/)?([^/?]*)(.*)$/s.exec(url) ?? [];
  const isTls = scheme === 'https';
  if (scheme === undefined && !/[.:]|^localhost$/.test(authority)) {
    throw new MeshmockError(
      'usage',
      `"${url}" is neither a path, which begins with "/", nor a URL such as localhost:8080/…`,
    );
  }
  const { plan, address } = readAuthority(authority, path, isTls ? 443 : 80);
  return { plan, http: address, isTls };
}

/** Reads what a URL has behind its scheme. @throws MeshmockError as `parseAddress` and `parsePath` do */
export function readAuthority(authority: string, path: string, port: number): { plan: Plan; address: ListenAddress } {
  const address = /:\d+$/.test(authority) ? authority : `${authority}:${port}`;
  return { plan: parsePath(path.replace(/^(?!\/)/, '/'), noLimits), address: parseAddress(address) };
}

const curlFlags = new Set(['-g', '--globoff', '-s', '--silent', '-S', '-i', '-v', '-k', '--path-as-is']);

function readCurl(words: readonly string[]): Command {
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

function readGrpcurl(words: readonly string[]): Command {
  const { headers, data, positionals } = readFlags('grpcurl', words, {
    plain: new Set(['-plaintext', '-v']),
    header: ['-H', '-rpc-header'],
    data: ['-d'],
    method: [],
  });
  const [address, called] = positionals;
  if (address === undefined || called !== method)
    throw new MeshmockError('usage', `grpcurl: expected HOST:PORT ${method}`);
  if (data === undefined) throw new MeshmockError('usage', 'grpcurl: expected -d with the request');
  const isTls = !words.includes('-plaintext');
  const { host, port } = parseAddress(address);
  const http = { host, port: isTls || port <= grpcPortOffset ? port : port - grpcPortOffset };
  return { form: 'grpcurl', plan: planOfJson(data), http, grpc: { host, port }, isTls, headers };
}

/** Flags of a program that a plan, or the request around it, can hold. */
interface KnownFlags {
  /** Flags without a value that change nothing of the request. */
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

/** Reads the words of a command. A flag that the request cannot hold is an error, since it would be lost. */
function readFlags(program: string, words: readonly string[], known: KnownFlags): ReadFlags {
  const headers: string[] = [];
  const positionals: string[] = [];
  const bodies: string[] = [];
  let method: string | undefined;
  const rest = words.flatMap((word) => splitGlued(word, known));
  const takeValue = (flag: string): string => {
    const value = rest.shift();
    if (value === undefined) throw new MeshmockError('usage', `${program} ${flag}: expected a value`);
    return value;
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (known.header.includes(word)) headers.push(takeValue(word));
    else if (known.data.includes(word)) bodies.push(dataOf(program, word, takeValue(word)));
    else if (known.method.includes(word)) method = takeValue(word);
    else if (!word.startsWith('-')) positionals.push(word);
    else if (!known.plain.has(word) && !isCluster(word, known.plain))
      throw new MeshmockError('usage', `${program} ${word} has no place in a plan; leave it out`);
  }
  // curl joins several bodies.
  const data = bodies.length === 0 ? undefined : bodies.join('&');
  return { headers, positionals, ...optional('data', data), ...optional('method', method) };
}

/** A body from a file would not travel with the text of the command. */
function dataOf(program: string, flag: string, value: string): string {
  if (!value.startsWith('@') || flag === '--data-raw') return value;
  throw new MeshmockError('usage', `${program} ${flag} ${value} reads a file; write the body itself`);
}

/** Splits `-XPOST` and `-Hname: value`, as curl does. */
function splitGlued(word: string, { header, data, method }: KnownFlags): string[] {
  const flag = word.slice(0, 2);
  const isGlued = word.length > 2 && !word.startsWith('--') && [...header, ...data, ...method].includes(flag);
  return isGlued ? [flag, word.slice(2)] : [word];
}

/** Single letters together, such as `-sg`. */
function isCluster(word: string, plain: ReadonlySet<string>): boolean {
  return /^-[A-Za-z]{2,}$/.test(word) && [...word.slice(1)].every((letter) => plain.has(`-${letter}`));
}

const standardAddress: ListenAddress = { host: 'localhost', port: 8080 };

/** Writes a plan in one of its forms. */
export function writeCommand(
  { plan, http = standardAddress, isTls = false, headers }: Command,
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
      return `curl -g${asIs}${headerWords} ${quoteWord((isTls ? 'https://' : '') + authorityOf(http) + path)}`;
    }
    case 'grpcurl': {
      const grpc = isTls ? http : grpcAddressFor(http);
      return `grpcurl${isTls ? '' : ' -plaintext'}${headerWords} -d ${quoteWord(JSON.stringify({ path }))} ${authorityOf(grpc)} ${method}`;
    }
  }
}
