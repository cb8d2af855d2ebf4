/** Actions of the parts of the builder when a field changes. */
export interface BuilderContext {
  services(): readonly string[];
  /** A value has changed; the fields stay. */
  changed(): void;
  /** Calls or fields were added or removed. The focus moves to the field of this key. */
  rebuilt(focus?: object): void;
  /** Makes an element the one that gets the focus for a key. */
  focusable(key: object, target: HTMLElement): void;
}

/** Name of the service whose work is edited, which changes while the user types it. */
export class ServiceName {
  private now: string;
  private readonly readers: ((name: string) => void)[] = [];

  constructor(name: string) {
    this.now = name;
  }

  /** Calls a function with the name, now and at each change. */
  show(reader: (name: string) => void): void {
    this.readers.push(reader);
    reader(this.now);
  }

  set(name: string): void {
    this.now = name === '' ? 'the service' : name;
    for (const reader of this.readers) reader(this.now);
  }
}

/** Id of the list of services that the fields for hosts offer. */
export const servicesListId = 'known-services';
