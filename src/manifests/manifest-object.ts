/** An object as `kubectl apply` takes it. */
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

/** The metadata of an object that may be in a namespace of its own. */
export function objectMetadata(
  name: string,
  namespace: string | undefined,
  labels?: Readonly<Record<string, string>>,
): ManifestObject['metadata'] {
  return { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) };
}
