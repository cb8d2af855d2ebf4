import { formatDirective } from '../../plan/format.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { button, element } from '../dom/elements.ts';
import type { ServiceWork } from '../model/plan-tree.ts';
import type { BuilderContext } from './builder-context.ts';
import { choice, textField } from './builder-fields.ts';

/** Faults that the builder offers, as directives. */
const faults = [
  ['', 'fault…'],
  ['delay=200ms', 'is slow'],
  ['status=503', 'fails'],
  ['status=503:0.5', 'fails half of the time'],
  ['status=503:attempt<2', 'fails at the first attempt'],
  ['status=503:version=v2', 'fails in version v2 only'],
  ['close', 'closes the connection'],
  ['hang', 'never answers'],
  ['size=10KB', 'answers with 10 KB'],
] as const;

/** Returns the faults of a service: each as an editable directive, and a choice of further ones. */
export function faultFields(name: string, work: ServiceWork, context: BuilderContext): HTMLElement {
  const rows = work.directives.map((directive, index) => {
    const field = textField(
      formatDirective(directive),
      (text) => {
        const read = readDirective(text);
        field.toggleAttribute('aria-invalid', read === undefined);
        if (read === undefined) return;
        work.directives[index] = read;
        context.changed();
      },
      { 'aria-label': `fault ${index + 1} of ${name}` },
    );
    const remove = (): void => {
      work.directives.splice(index, 1);
      context.rebuilt(work);
    };
    context.focusable(directive, field);
    return element(
      'span',
      { class: 'fault' },
      '~',
      field,
      button('✕', remove, { 'aria-label': `remove fault ${index + 1} of ${name}` }),
    );
  });
  const add = choice(
    faults,
    '',
    (text) => {
      const read = readDirective(text);
      if (read === undefined) return;
      work.directives.push(read);
      context.rebuilt(read);
    },
    { 'aria-label': `add a fault of ${name}` },
  );
  context.focusable(work, add);
  return element('div', { class: 'faults' }, ...rows, add);
}

function readDirective(text: string): ServiceWork['directives'][number] | undefined {
  try {
    return parseDirectives(`/~${text}`)[0];
  } catch {
    return undefined;
  }
}
