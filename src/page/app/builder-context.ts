/** What the parts of the builder do when a field changes. */
export interface BuilderContext {
  services(): readonly string[];
  /** A value has changed; the fields stay. */
  changed(): void;
  /** Calls or fields were added or removed. The focus moves to the field of this key. */
  rebuilt(focus?: object): void;
  /** Makes an element the one that gets the focus for a key. */
  focusable(key: object, target: HTMLElement): void;
}

/** Id of the list of services that the fields for hosts offer. */
export const servicesListId = 'known-services';
