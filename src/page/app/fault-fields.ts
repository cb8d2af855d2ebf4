import { formatDirective } from '../../plan/format.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { button, element } from '../dom/elements.ts';
import type { ServiceWork } from '../model/plan-tree.ts';
import type { BuilderContext, ServiceName } from './builder-context.ts';
import { choice, textField } from './builder-fields.ts';

/** Faults that the builder offers, as directives. */
const faults = [
  ['', ''],
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
export function faultFields(name: ServiceName, work: ServiceWork, context: BuilderContext): HTMLElement {
  const rows = work.directives.map((directive, index) => {
    const field = textField(formatDirective(directive), (text) => {
      const read = readDirective(text);
      field.toggleAttribute('aria-invalid', read === undefined);
      if (read === undefined) return;
      work.directives[index] = read;
      context.changed();
    });
    const remove = (): void => {
      work.directives.splice(index, 1);
      context.rebuilt(work);
    };
    context.focusable(directive, field);
    const removal = button('✕', remove);
    name.show((text) => {
      field.setAttribute('aria-label', `fault ${index + 1} of ${text}`);
      removal.setAttribute('aria-label', `remove fault ${index + 1} of ${text}`);
    });
    return element('span', { class: 'fault' }, '~', field, removal);
  });
  const add = choice(faults, '', (text) => {
    const read = readDirective(text);
    if (read === undefined) return;
    work.directives.push(read);
    context.rebuilt(read);
  });
  name.show((text) => {
    add.setAttribute('aria-label', `add a fault of ${text}`);
    add.options[0]?.replaceChildren(`${text} has a fault…`);
  });
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
