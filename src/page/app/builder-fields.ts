import { type Attributes, type Content, element } from '../dom/elements.ts';

/** Makes a field with a visible label before it. */
export function labelled(label: string, field: HTMLElement): HTMLLabelElement {
  return element('label', { class: 'field' }, element('span', {}, label), field);
}

/** Makes a line of text whose changes are reported as one types. */
export function textField(
  value: string,
  onInput: (value: string) => void,
  attributes: Attributes = {},
): HTMLInputElement {
  const made = element('input', { type: 'text', spellcheck: 'false', autocomplete: 'off', ...attributes });
  made.value = value;
  made.addEventListener('input', () => onInput(made.value.trim()));
  return made;
}

/** Makes a field of a whole number. An empty field is undefined. */
export function numberField(
  value: number | undefined,
  onInput: (value: number | undefined) => void,
  attributes: Attributes = {},
): HTMLInputElement {
  const made = element('input', { type: 'number', min: 1, step: 1, ...attributes });
  made.value = value === undefined ? '' : String(value);
  made.addEventListener('input', () =>
    onInput(made.value === '' ? undefined : Math.max(0, Math.round(Number(made.value)))),
  );
  return made;
}

/** Makes a choice. */
export function choice<T extends string>(
  values: readonly (readonly [value: T, label: string])[],
  chosen: T,
  onChoose: (value: T) => void,
  attributes: Attributes = {},
): HTMLSelectElement {
  const options: Content[] = values.map(([value, label]) => element('option', { value }, label));
  const made = element('select', attributes, ...options);
  made.value = chosen;
  made.addEventListener('change', () => {
    const value = values.find(([known]) => known === made.value)?.[0];
    if (value !== undefined) onChoose(value);
  });
  return made;
}
