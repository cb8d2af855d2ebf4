import { MeshmockError } from '../error/meshmock-error.ts';
import { type Call, defaultPorts, type Scheme } from '../plan/plan.ts';

/** Port of a Service for calls that name none. */
export interface ServicePort {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
}

/**
 * Parses `HOST:PORT`, for HTTP, or `grpc:HOST:PORT` or `tcp:HOST:PORT`.
 *
 * @example
 * parseServicePort('grpc:basket:7070'); // { scheme: 'grpc', host: 'basket', port: 7070 }
 *
 * @throws MeshmockError `usage` if the text is none of them
 */
export function parseServicePort(text: string): ServicePort {
  const [, scheme = 'http', host = '', digits] = /^(?:(http|grpc|tcp):)?([a-z0-9._-]+):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || !(port >= 1 && port <= 65_535))
    throw new MeshmockError('usage', `"${text}" is not HOST:PORT, grpc:HOST:PORT or tcp:HOST:PORT, such as web:80`);
  return { scheme: scheme === 'grpc' || scheme === 'tcp' ? scheme : 'http', host: host.toLowerCase(), port };
}

/**
 * Ports of Services. A target without a port, or with the default one, means the port of its Service.
 *
 * @example
 * const ports = new ServicePorts([parseServicePort('web:80')]);
 * ports.resolve(call); // the call with port 80, if its host is web and its port 8080
 */
export class ServicePorts {
  private ports: ReadonlyMap<string, number> = new Map();

  constructor(entries: readonly ServicePort[] = []) {
    this.replace(entries);
  }

  /** Replaces all ports. */
  replace(entries: readonly ServicePort[]): void {
    this.ports = new Map(entries.map(({ scheme, host, port }) => [keyOf(scheme, host), port]));
  }

  /** Targets of the Services, as the path language writes them, such as `web` and `grpc:basket`. */
  get targets(): readonly string[] {
    return [...this.ports.keys()].map((key) => key.replace(' ', ':').replace(/^http:/, ''));
  }

  /** Returns a call with the port that it is made to. */
  resolve(call: Call): Call {
    if (this.ports.size === 0 || call.port !== defaultPorts[call.scheme]) return call;
    // A WebSocket begins as a request over HTTP.
    const scheme = call.scheme === 'ws' ? 'http' : call.scheme;
    const port = this.ports.get(keyOf(scheme, call.host.toLowerCase()));
    return port === undefined ? call : { ...call, port };
  }
}

function keyOf(scheme: Scheme, host: string): string {
  return `${scheme} ${host}`;
}
