import { MeshmockError } from '../error/meshmock-error.ts';
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

/** A plan, and the address and headers of the command that it was written in. */
export interface Command {
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
}

/**
 * Parses a plan in any of its forms: a path, a URL, JSON, or a command for curl or grpcurl.
 *
 * @throws MeshmockError with the offset, the field, or the part of the command that is wrong
 * @example
 * readCommand("curl -g -H 'end-user: jason' 'localhost:8080/@a/x'").http; // { host: 'localhost', port: 8080 }
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

const curlFlags = new Set(['-g', '--globoff', '-s', '--silent', '-S', '-i', '-v', '-k', '--path-as-is']);

function readCurl(words: readonly string[]): Command {
  const { headers, positionals } = readFlags('curl', words, curlFlags, ['-H', '--header']);
  const [url, more] = positionals;
  if (url === undefined || more !== undefined) throw new MeshmockError('usage', 'curl: expected exactly one URL');
  return { form: 'curl', ...readUrl(url), headers };
}

function readGrpcurl(words: readonly string[]): Command {
  const { headers, data, positionals } = readFlags(
    'grpcurl',
    words,
    new Set(['-plaintext', '-v']),
    ['-H', '-rpc-header'],
    '-d',
  );
  const [address, called] = positionals;
  if (address === undefined || called !== method)
    throw new MeshmockError('usage', `grpcurl: expected HOST:PORT ${method}`);
  if (data === undefined) throw new MeshmockError('usage', 'grpcurl: expected -d with the request');
  const isTls = !words.includes('-plaintext');
  const { host, port } = parseAddress(address);
  const http = { host, port: isTls || port <= grpcPortOffset ? port : port - grpcPortOffset };
  return { form: 'grpcurl', plan: planOfJson(data), http, grpc: { host, port }, isTls, headers };
}

/** Anything else of a command would be lost on the way into a plan: it is refused. */
function readFlags(
  program: string,
  words: readonly string[],
  plain: ReadonlySet<string>,
  headerFlags: readonly string[],
  dataFlag?: string,
): { headers: string[]; data?: string; positionals: string[] } {
  const headers: string[] = [];
  const positionals: string[] = [];
  let data: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (headerFlags.includes(word)) headers.push(words[++index] ?? '');
    else if (word === dataFlag) data = words[++index] ?? '';
    else if (!word.startsWith('-')) positionals.push(word);
    else if (!plain.has(word) && !isCluster(word, plain))
      throw new MeshmockError('usage', `${program} ${word} cannot be kept in a plan: leave it out`);
  }
  return { headers, positionals, ...(data === undefined ? {} : { data }) };
}

/** Single letters together, such as `-sg`. */
function isCluster(word: string, plain: ReadonlySet<string>): boolean {
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
