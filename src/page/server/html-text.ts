const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that is HTML already. Only `html` makes one, so a plain text is never taken for HTML. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Value in a template: text, which is escaped; HTML, or a list of it; or nothing. */
export type HtmlValue = string | number | Html | readonly Html[] | undefined;

/**
 * Makes HTML from a template. Each value in it is escaped, in elements and in attributes with double quotes alike.
 *
 * @example
 * html`<td title="${title}">${host}</td>`;
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] ?? '';
  for (const [index, value] of values.entries()) text += textOf(value) + (parts[index + 1] ?? '');
  return new Html(text);
}

function textOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escapeHtml(String(value));
}

/** Escapes a text for HTML. Control characters, which HTML does not allow, are replaced. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
    .replaceAll(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

/**
 * Encodes a value as JSON for a `script` element. The result has no `<`, so nothing in it ends the element or begins a
 * comment. JSON has this character only in strings, where the escape means the same.
 */
export function scriptJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll('<', '\\u003c'));
}
