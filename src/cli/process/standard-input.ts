import { MeshmockError } from '../../error/meshmock-error.ts';
import { readStandardInput } from './read-text.ts';

/**
 * Returns a text of the command line; for `-`, the text on standard input.
 *
 * @throws MeshmockError `usage` if standard input is empty
 */
export function textOrStandardInput(operand: string): string {
  if (operand !== '-') return operand;
  const text = readStandardInput().trim();
  if (text !== '') return text;
  throw new MeshmockError('usage', 'standard input is empty: expected a URL, a plan, or a command for curl or grpcurl');
}
