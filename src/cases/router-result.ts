/** Result of the routing of a request, as a file of Envoy's route table check tool expects it. */
export interface RouterResult {
  /** Name of the cluster; empty for none. */
  readonly cluster: string | undefined;
  /** Host and path that the service receives. */
  readonly host: string | undefined;
  readonly path: string | undefined;
  /** Value of `Location`; empty for no redirect. */
  readonly redirect: string | undefined;
  /** Headers that the service receives, and headers of the answer. */
  readonly requestHeaders: readonly HeaderMatch[];
  readonly responseHeaders: readonly HeaderMatch[];
  /** Expected parts that no proxy shows, such as the name of a virtual host. */
  readonly notShown: readonly string[];
}

/** Condition about a header. */
export interface HeaderMatch {
  readonly name: string;
  /** Text of the condition, such as `exact v2`. */
  readonly condition: string;
  /** Reports whether the condition holds. `null` is a header that is absent. */
  readonly holds: (value: string | null) => boolean;
}
