import { MeshmockError } from '../../error/meshmock-error.ts';
import { caretLines } from '../../error/text-place.ts';
import { parsePath } from '../../plan/parse.ts';
import type { Plan } from '../../plan/plan.ts';
import { button, element, fill } from '../dom/elements.ts';

/** The editable URL: a line that is checked as one types. */
export interface UrlLine {
  readonly element: HTMLElement;
  readonly text: string;
  /** Plan of the text, or undefined if it is not one. */
  readonly plan: Plan | undefined;
  /** Replaces the text, and checks it. Does not call `onChange`. */
  setText(text: string): void;
  /** Shows whether a run is on its way. */
  setRunning(isRunning: boolean): void;
}

export interface UrlLineActions {
  /** The text has changed by typing. */
  onChange(): void;
  /** The user wants the plan to run, or the run to be cancelled. */
  onRun(): void;
}

/**
 * Makes the line with the URL. Under it is the place of an error.
 *
 * @param more further buttons, after the one that runs the plan
 */
export function urlLine(
  initial: string,
  { onChange, onRun }: UrlLineActions,
  ...more: readonly HTMLElement[]
): UrlLine {
  const input = element('input', {
    id: 'url',
    type: 'text',
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    'aria-describedby': 'url-problem',
  });
  const problem = element('pre', { id: 'url-problem', role: 'status' });
  const run = button('Run', onRun, { class: 'primary', id: 'run' });
  let plan: Plan | undefined;
  const check = (): void => {
    try {
      plan = parsePath(input.value);
      input.removeAttribute('aria-invalid');
      fill(problem);
    } catch (error) {
      plan = undefined;
      input.setAttribute('aria-invalid', 'true');
      fill(problem, problemText(error, input));
    }
    problem.classList.toggle('bad', plan === undefined);
  };
  const form = element(
    'form',
    { class: 'url-line' },
    element('label', { for: 'url' }, location.host),
    element('div', { class: 'url-field' }, input, problem),
    run,
    ...more,
  );
  form.addEventListener('submit', (event) => event.preventDefault());
  input.addEventListener('input', () => {
    check();
    onChange();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    onRun();
  });
  input.value = initial;
  check();
  return {
    element: form,
    get text() {
      return input.value;
    },
    get plan() {
      return plan;
    },
    setText(text) {
      input.value = text;
      check();
    },
    setRunning(isRunning) {
      run.textContent = isRunning ? 'Cancel' : 'Run';
    },
  };
}

/** Width of a character of the line, in pixels, by which it is known whether a text fits. */
const characterWidth = 8.5;

/** Returns the caret under its character. If the text is longer than the line, the part around the caret is above it. */
function problemText(error: unknown, input: HTMLInputElement): string {
  if (!(error instanceof MeshmockError) || error.place === undefined) return (error as Error).message;
  const [text, caret] = caretLines(error.place);
  const isWhole = error.place.text.length * characterWidth < input.clientWidth || input.clientWidth === 0;
  if (isWhole && text === error.place.text) return caret;
  if (isWhole) return `${' '.repeat(error.place.offset)}^ expected ${error.place.expected}`;
  return `${text}\n${caret}`;
}
