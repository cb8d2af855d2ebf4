import type { Subject } from './condition.ts';

/** Reports whether a client can send a text as a part of a request, and every proxy passes it on unchanged. */
export function isSendable(subject: Subject, text: string, protocol: 'http' | 'grpc' | 'tcp'): boolean {
  switch (subject.kind) {
    case 'path':
    case 'full_path':
      return protocol === 'grpc' ? /^\/[\w.]+\/\w+$/.test(text) : isPath(text);
    case 'method':
      return protocol !== 'grpc' && /^[A-Z]+$/.test(text) && text !== 'CONNECT' && text !== 'TRACE';
    case 'authority':
      return /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i.test(text);
    case 'header':
      return isSettableHeader(subject.name) && /^[!-~](?:[ -~]*[!-~])?$/.test(text);
    case 'query':
      return /^[\w.~*-]*$/.test(text);
    case 'claim':
      return /^[ -~]+$/.test(text);
    case 'scheme':
    case 'identity':
      return false;
  }
}

/** Reports whether a path is plain: no plan of meshmock, and nothing that a proxy normalizes. */
function isPath(text: string): boolean {
  return /^\/(?![@~])[\w.~!$&'*+,;=:@/-]*$/.test(text) && !/\/\/|\/\.\.?(?:\/|$)/.test(text);
}

/** Headers that proxies or clients set themselves. */
const ownHeaders = new Set([
  'connection',
  'content-length',
  'host',
  'te',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
]);

/** Reports whether a client can choose a header. */
export function isSettableHeader(name: string): boolean {
  return !ownHeaders.has(name) && !name.startsWith('x-envoy-') && /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name);
}
