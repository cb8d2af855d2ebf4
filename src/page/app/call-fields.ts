import { defaultPorts, type Scheme, schemes } from '../../plan/plan.ts';
import { formatDurationMs, parseDurationMs } from '../../plan/quantity.ts';
import { button, element } from '../dom/elements.ts';
import type { CallDraft } from '../model/plan-tree.ts';
import { type BuilderContext, type ServiceName, servicesListId } from './builder-context.ts';
import { choice, labelled, numberField, textField } from './builder-fields.ts';

/** Returns the fields of one call: where to, how often, and, on demand, its options and headers. */
export function callFields(
  call: CallDraft,
  name: ServiceName,
  remove: () => void,
  context: BuilderContext,
): HTMLElement {
  const host = textField(
    call.host,
    (value) => {
      call.host = value;
      name.set(value);
      context.changed();
    },
    { list: servicesListId, class: 'host', 'aria-label': 'service' },
  );
  context.focusable(call, host);
  const scheme = choice<Scheme>(
    schemes.map((each) => [each, each] as const),
    call.scheme,
    (value) => {
      // A port that was not chosen stays the default one.
      if (call.port === defaultPorts[call.scheme]) call.port = defaultPorts[value];
      call.scheme = value;
      context.rebuilt(call);
    },
    { 'aria-label': 'protocol' },
  );
  const times = numberField(
    call.times,
    (value) => {
      call.times = Math.max(1, value ?? 1);
      context.changed();
    },
    { class: 'short' },
  );
  const removal = button('✕', remove);
  name.show((text) => removal.setAttribute('aria-label', `remove the call to ${text}`));
  return element(
    'div',
    { class: 'call-fields' },
    scheme,
    host,
    labelled('×', times),
    moreFields(call, context),
    removal,
  );
}

function moreFields(call: CallDraft, context: BuilderContext): HTMLElement {
  const { options } = call;
  const hasMore = Object.keys(options).length > 0 || call.headers.length > 0 || call.port !== defaultPorts[call.scheme];
  const port = numberField(
    call.port,
    (value) => {
      call.port = value ?? defaultPorts[call.scheme];
      context.changed();
    },
    { class: 'short', max: 65_535 },
  );
  const made = element(
    'details',
    { class: 'more' },
    element('summary', {}, 'options, headers'),
    element(
      'div',
      { class: 'more-fields' },
      labelled('port', port),
      labelled('timeout', timeoutField(call, context)),
      labelled('retries', optionField(call, 'retries', context)),
      labelled('at once', optionField(call, 'concurrency', context)),
      ...headerFields(call, context),
    ),
  );
  made.open = hasMore;
  return made;
}

function optionField(call: CallDraft, name: 'retries' | 'concurrency', context: BuilderContext): HTMLInputElement {
  return numberField(
    call.options[name],
    (value) => {
      const { [name]: _old, ...others } = call.options;
      call.options = value === undefined ? others : { ...others, [name]: value };
      context.changed();
    },
    { class: 'short' },
  );
}

function timeoutField(call: CallDraft, context: BuilderContext): HTMLInputElement {
  const { timeoutMs: now } = call.options;
  const field = textField(
    now === undefined ? '' : formatDurationMs(now),
    (text) => {
      const { timeoutMs: _old, ...others } = call.options;
      const timeoutMs = parseDurationMs(text);
      field.toggleAttribute('aria-invalid', text !== '' && timeoutMs === undefined);
      call.options = timeoutMs === undefined ? others : { ...others, timeoutMs };
      context.changed();
    },
    { class: 'short', placeholder: '2s' },
  );
  return field;
}

function headerFields(call: CallDraft, context: BuilderContext): HTMLElement[] {
  const rows = call.headers.map((header, index) => {
    const set = (name: string, value: string): void => {
      call.headers[index] = { name: name.toLowerCase(), value };
      context.changed();
    };
    const now = (): CallDraft['headers'][number] => call.headers[index] ?? header;
    const name = textField(header.name, (text) => set(text, now().value), {
      'aria-label': `name of header ${index + 1}`,
    });
    const value = textField(header.value, (text) => set(now().name, text), {
      'aria-label': `value of header ${index + 1}`,
    });
    const remove = (): void => {
      call.headers.splice(index, 1);
      context.rebuilt(call);
    };
    context.focusable(header, name);
    return element(
      'span',
      { class: 'header' },
      name,
      '=',
      value,
      button('✕', remove, { 'aria-label': `remove header ${index + 1}` }),
    );
  });
  const add = button('+ header', () => {
    const header = { name: 'end-user', value: 'jason' };
    call.headers.push(header);
    context.rebuilt(header);
  });
  return [...rows, add];
}
