import type { ReceivedRequest } from './reply.ts';

/** Returns the version of HTTP of a request, or `null` if it came over TCP. */
export function httpVersionOf({
  protocol,
  httpVersion,
}: Pick<ReceivedRequest, 'protocol' | 'httpVersion'>): string | null {
  switch (protocol) {
    case 'http':
      return httpVersion ?? '1.1';
    case 'grpc':
      return '2';
    case 'tcp':
      return null;
  }
}
