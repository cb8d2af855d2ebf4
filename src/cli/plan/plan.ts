import { readFileSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseAddress } from '../../plan/address.ts';
import { type PlanForm, planForms, readCommand, writeCommand } from '../../send/plan-forms.ts';
import { helpOf, parseOptions } from '../options/options.ts';

function parseForm(text: string): PlanForm {
  const form = planForms.find((known) => known === text);
  if (form !== undefined) return form;
  throw new MeshmockError('usage', `"${text}" is no form: expected ${planForms.join(', ')}`);
}

const planSchema = {
  as: {
    parse: parseForm,
    value: 'FORM',
    help: `one of ${planForms.join(', ')}; json for a path, a path for anything else`,
  },
  address: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'the HTTP address for curl, localhost:8080 if the text names none; gRPC is at its port + 1010',
  },
} as const;

export const planHelp = `meshmock plan TEXT: a plan from any form to any other

TEXT is a path, a URL, JSON, a curl or a grpcurl command; - reads it from standard input.

${helpOf(planSchema)}`;

/**
 * Gives a plan in another form.
 *
 * @throws MeshmockError that says where the text is no plan
 */
export async function plan(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseOptions(planSchema, args, {});
  const [text, more] = positionals;
  if (text === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one TEXT (quote it: the shell reads | and ( itself)');
  const command = readCommand(text === '-' ? readFileSync(0, 'utf8') : text);
  const form = values.as ?? (command.form === 'path' ? 'json' : 'path');
  return writeCommand(values.address === undefined ? command : { ...command, http: values.address }, form);
}
