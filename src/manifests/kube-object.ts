/** An object as `kubectl apply` takes it. */
export interface KubeObject {
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
export function metadataOf(
  name: string,
  namespace: string | undefined,
  labels?: Readonly<Record<string, string>>,
): KubeObject['metadata'] {
  return { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) };
}
