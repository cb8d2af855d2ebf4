/** Content of an element. A string is always text, never HTML. */
export type Content = Node | string | undefined;

/** Attributes of an element. An attribute that is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/**
 * Makes an element of HTML. Texts from outside are safe in its content and in its attributes: there are no attributes
 * that run programs.
 *
 * @example
 * element('button', { type: 'button', class: 'run' }, 'Run');
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...content: readonly Content[]
): HTMLElementTagNameMap[Tag] {
  return filled(document.createElement(tag), attributes, content);
}

const svgNamespace = 'http://www.w3.org/2000/svg';

/** Makes an element of SVG, as `element` does. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...content: readonly Content[]
): SVGElementTagNameMap[Tag] {
  return filled(document.createElementNS(svgNamespace, tag), attributes, content);
}

function filled<T extends Element>(made: T, attributes: Attributes, content: readonly Content[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (/^on|^style$/i.test(name)) throw new Error(`the page has no attribute ${name}`);
    made.setAttribute(name, String(value));
  }
  made.append(...content.filter((part) => part !== undefined));
  return made;
}

/** Makes a button. */
export function button(label: string, onPress: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, label);
  made.addEventListener('click', onPress);
  return made;
}

/** Makes a link to another program. A target that is not a URL of HTTP becomes a text. */
export function link(url: string, label: string): HTMLElement {
  if (!/^https?:\/\//.test(url)) return element('span', {}, label);
  return element('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, label);
}

/** Replaces the content of an element. */
export function fill(target: Element, ...content: readonly Content[]): void {
  target.replaceChildren(...content.filter((part) => part !== undefined));
}
