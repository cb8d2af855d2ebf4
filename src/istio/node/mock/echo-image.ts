import type { ReplyForm } from '../../../serve/settings/reply-form.ts';
import type { Container } from '../../resources/objects.ts';
import type { KnownPort, PortProtocol } from '../../resources/ports.ts';

/** Form of an echo server's answers. */
type EchoForm = Exclude<ReplyForm, 'meshmock'>;

/**
 * Returns the echo server whose image a container names, or undefined for any other image.
 *
 * @example echoFormOf({ name: 'a', image: 'registry.k8s.io/gateway-api/echo-basic:v1.5.1' }) // 'echo-basic'
 */
export function echoFormOf({ image = '' }: Container): EchoForm | undefined {
  const name = image.replace(/@.*$/, '').replace(/:[^/]*$/, '');
  if (/(?:^|\/)echo-basic$/.test(name)) return 'echo-basic';
  // Istio publishes its echo as `app`, and the Gateway API publishes the same as `echo-advanced`.
  return /(?:^|\/)echo-advanced$|istio.*\/app$/.test(name) ? 'istio-echo' : undefined;
}

/** Returns the ports of an echo server: its container declares none, and its arguments and variables decide them. */
export function echoPortsOf(container: Container): KnownPort[] {
  switch (echoFormOf(container)) {
    case 'echo-basic':
      return basicPorts(container);
    case 'istio-echo':
      return istioPorts(container);
    case undefined:
      return [];
  }
}

/** Returns the ports of `echo-basic` (kubernetes-sigs/gateway-api, conformance/echo-basic). */
function basicPorts({ env = [] }: Container): KnownPort[] {
  const value = (name: string): string => env.find((variable) => variable.name === name)?.value ?? '';
  const port = (name: string, standard: number): number => Number(value(name) || standard);
  const tls = (name: string): KnownPort[] =>
    value('TLS_SERVER_CERT') === '' ? [] : [{ port: port(name, 8443), protocol: 'other', name: 'tls' }];
  if (value('GRPC_ECHO_SERVER') !== '')
    return [{ port: port('HTTP_PORT', 3000), protocol: 'grpc', name: 'grpc' }, ...tls('HTTPS_PORT')];
  if (value('TCP_ECHO_SERVER') !== '')
    return [{ port: port('TCP_PORT', 3000), protocol: 'other', name: 'tcp' }, ...tls('TLS_PORT')];
  if (value('UDP_ECHO_SERVER') !== '') return [];
  return [
    { port: port('HTTP_PORT', 3000), protocol: 'http', name: 'http' },
    { port: port('H2C_PORT', 3001), protocol: 'http', name: 'http2' },
    ...tls('HTTPS_PORT'),
  ];
}

/** Returns the ports of Istio's echo (istio/istio, pkg/test/echo/cmd/server). */
function istioPorts({ command = [], args = [] }: Container): KnownPort[] {
  const words = [...command, ...args];
  const portsOf = (flag: string, standard: readonly number[]): readonly number[] => {
    const values = words.flatMap((word, index) => {
      if (word === `--${flag}`) return [words[index + 1] ?? ''];
      return word.startsWith(`--${flag}=`) ? [word.slice(flag.length + 3)] : [];
    });
    return values.length === 0 ? standard : values.join(',').split(',').map(Number);
  };
  const secured = [...portsOf('tls', []), ...portsOf('mtls', [])];
  const portsWith = (flag: string, standard: number, protocol: PortProtocol): KnownPort[] =>
    portsOf(flag, [standard]).map((port) =>
      secured.includes(port) ? { port, protocol: 'other', name: 'tls' } : { port, protocol, name: flag },
    );
  return [...portsWith('port', 8080, 'http'), ...portsWith('grpc', 7070, 'grpc'), ...portsWith('tcp', 9090, 'other')];
}
