import { button, element, fill } from '../dom/elements.ts';

/** Form in which something can be copied. */
export interface CopyForm {
  readonly label: string;
  /** Makes the text, when it is asked for. @throws Error with a message for the user if the form cannot hold it */
  readonly text: () => string;
}

/** Returns buttons, one for each form. A button shows the text of its form, and copies it. */
export function copyMenu(forms: readonly CopyForm[]): HTMLElement {
  const status = element('span', { role: 'status', class: 'faint' });
  const shown = element('pre', { class: 'copied foreign', tabindex: 0, 'aria-label': 'copied text' });
  const close = button('Close', () => show(undefined));
  const panel = element('div', { class: 'copy-panel', hidden: '' }, shown, status, ' ', close);
  const buttons = forms.map(({ label, text }) => {
    const made = button(label, () => {
      try {
        show(text(), made);
      } catch (error) {
        show((error as Error).message, made, 'This form cannot hold the plan.');
      }
    });
    made.setAttribute('aria-pressed', 'false');
    return made;
  });
  const show = (text: string | undefined, pressed?: HTMLButtonElement, problem?: string): void => {
    for (const each of buttons) each.setAttribute('aria-pressed', String(each === pressed));
    panel.hidden = text === undefined;
    shown.textContent = text ?? '';
    if (text === undefined) fill(status);
    else if (problem !== undefined) fill(status, problem);
    else void copy(text, status);
  };
  return element(
    'div',
    { class: 'copy-menu', role: 'group', 'aria-label': 'copy as' },
    element('span', {}, 'Copy as'),
    ...buttons,
    panel,
  );
}

/** Copies a text. Browsers allow that only on localhost and over TLS, so the text is shown in any case. */
async function copy(text: string, status: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    fill(status, 'Copied.');
  } catch {
    fill(status, 'The browser does not allow this page to copy: select the text.');
  }
}
