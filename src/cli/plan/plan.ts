import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseOptions } from '../../options/options.ts';
import { parseAddress } from '../../plan/address.ts';
import { type PlanForm, planForms, readCommand, writeCommand } from '../../send/plan-forms.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { textOrStandardInput } from '../process/standard-input.ts';

function parseForm(text: string): PlanForm {
  const form = planForms.find((known) => known === text);
  if (form !== undefined) return form;
  throw new MeshmockError('usage', `"${text}" is not a form: expected ${planForms.join(', ')}`);
}

const planSchema = {
  as: {
    parse: parseForm,
    value: 'FORM',
    help: `one of ${planForms.join(', ')}; json for a path, path for all others`,
    choices: planForms,
  },
  address: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'HTTP address in curl commands; gRPC is at its port + 1010',
  },
} as const;

const help: HelpText = {
  usage: ['plan [OPTIONS] TEXT', 'plan [OPTIONS] -'],
  summary: 'Converts a plan between path, JSON, curl and grpcurl.',
  about: [
    'TEXT is a path, a URL, JSON, or a command for curl or grpcurl; - reads it from standard input. Quote it, since the shell reads | and ( itself.',
  ],
  schema: planSchema,
  examples: ["meshmock plan '/@a|grpc:b/x'", "meshmock plan '/@a/@b/x' --as grpcurl"],
};

export const planCommand: Command = {
  help,
  run: (args) => {
    process.stdout.write(`${plan(args)}\n`);
  },
};

/**
 * Returns a plan in another form.
 *
 * @example
 * plan(['/@a/x', '--as', 'curl']); // "curl -g 'localhost:8080/@a/x'"
 *
 * @throws MeshmockError with the place where the text is not a plan
 */
export function plan(args: readonly string[]): string {
  const { values, positionals } = parseOptions(planSchema, args, {});
  const [text, more] = positionals;
  if (text === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one TEXT; quote it, since the shell reads | and ( itself');
  const command = readCommand(textOrStandardInput(text));
  const form = values.as ?? (command.form === 'path' ? 'json' : 'path');
  return writeCommand(values.address === undefined ? command : { ...command, http: values.address }, form);
}
