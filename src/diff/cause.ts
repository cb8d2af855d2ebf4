/** Object and place in it that caused a difference. */
export interface Cause {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Path of a field, such as `http[0].timeout`. */
  readonly place: string | undefined;
  /** Place in a file, as `FILE:LINE`, if the engine knows it. */
  readonly where: string | undefined;
  /** Values at the place on both sides, if the engine knows them. */
  readonly change?: FieldChange | undefined;
}

/** Values of a field, or whether an object exists, before and after a change. */
export interface FieldChange {
  readonly before: FieldState;
  readonly after: FieldState;
}

/** State of a field on one side. A value is `hidden` if it is secret, or if it is a whole object. */
export type FieldState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'value'; readonly value: unknown };
