import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { parseOptions } from '../../options/options.ts';
import { parseAddress } from '../../plan/address.ts';
import { type PlanCommand, type PlanForm, planForms, readCommand, writeCommand } from '../../send/forms/plan-forms.ts';
import { parseHeader } from '../../send/request-header.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { withPastedCommand } from '../options/pasted-command.ts';
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
  header: {
    parse: headerText,
    value: "'NAME: VALUE'",
    help: 'header of the first request, in a curl or grpcurl command',
    repeatable: true,
    aliases: ['-H'],
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
    const { text, lost } = plan(args);
    process.stdout.write(`${text}\n`);
    if (lost !== undefined) process.stderr.write(`meshmock: ${lost}\n`);
  },
};

/** A plan in another form. */
interface ConvertedPlan {
  readonly text: string;
  /** Message about what the form cannot hold. */
  readonly lost: string | undefined;
}

/**
 * Converts a plan to another form.
 *
 * @example
 * plan(['/@a/x', '--as', 'curl']).text; // "curl -g 'localhost:8080/@a/x'"
 *
 * @throws MeshmockError with the place where the text is not a plan
 */
export function plan(args: readonly string[]): ConvertedPlan {
  const { values, positionals } = parseOptions(planSchema, withPastedCommand(planSchema, args), {});
  const [text, more] = positionals;
  if (text === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one TEXT; quote it, since the shell reads | and ( itself');
  const typed = readCommand(textOrStandardInput(text));
  const command = { ...typed, headers: [...typed.headers, ...values.header], ...optional('http', values.address) };
  const form = values.as ?? (command.form === 'path' ? 'json' : 'path');
  return { text: writeCommand(command, form), lost: lostMessage(command, form) };
}

/** Returns a message about the parts of the first request that a form has no place for. */
function lostMessage({ headers, method, data }: PlanCommand, form: PlanForm): string | undefined {
  const isCommand = form === 'curl' || form === 'grpcurl';
  const lost = [
    ...(headers.length > 0 && !isCommand ? ['headers'] : []),
    ...(method !== undefined && form !== 'curl' ? ['method'] : []),
    ...(data !== undefined && form !== 'curl' ? ['body'] : []),
  ];
  if (lost.length === 0) return undefined;
  return `the form ${form} has no place for the ${lost.join(', ')} of the first request: --as curl keeps them`;
}

/** Checks a header, and returns it as it was written. @throws MeshmockError `usage` */
function headerText(value: string): string {
  parseHeader(value);
  return value;
}
