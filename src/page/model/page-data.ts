import type { Reply } from '../../reply/reply.ts';

/** Id of the element that holds the data of a page, as JSON that browsers do not run. */
export const dataElementId = 'page-data';

/** Prefix of the paths of the page's own files. */
export const pagePrefix = '/-/page/';

/** Data of a page: the reply of the request that the page answers, and what else its program needs. */
export interface PageData {
  readonly reply: Reply;
  /** Targets of the services that this one knows, such as `reviews` and `grpc:basket`. */
  readonly services: readonly string[];
  /** Port of gRPC of this service, for commands. */
  readonly grpcPort: number;
  readonly links: PageLinks;
}

/** Templates of links to other programs. */
export interface PageLinks {
  /** URL of a trace, with `{traceId}`. */
  readonly traceUrl?: string;
  /** URL of a graph of services, maybe with `{namespace}` and `{service}`. */
  readonly graphUrl?: string;
}

/**
 * Fills a template of a link. The values are encoded, so they cannot change the host or add a parameter.
 *
 * @example
 * fillLink('http://localhost:16686/trace/{traceId}', { traceId: 'ab12' }); // 'http://localhost:16686/trace/ab12'
 */
export function fillLink(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) =>
    Object.hasOwn(values, name) ? encodeURIComponent(values[name] ?? '') : placeholder,
  );
}
