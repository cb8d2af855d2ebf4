import { optional } from '../error/optional.ts';

/** Kubernetes object, as `kubectl apply` takes it. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Returns the metadata of an object. Its namespace and labels are optional. */
export function objectMetadata(
  name: string,
  namespace: string | undefined,
  labels?: Readonly<Record<string, string>>,
): ManifestObject['metadata'] {
  return { name, ...optional('namespace', namespace), ...optional('labels', labels) };
}
