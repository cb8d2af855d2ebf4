/** The parts of the docs that follow from the code. */
import { callSchema } from '../../src/cli/call/call-options.ts';
import { flagTableOf, tableOf } from '../../src/cli/options/option-tables.ts';
import { testSchema } from '../../src/cli/test/test-options.ts';
import { meshSchema } from '../../src/serve/settings/mesh-schema.ts';
import { serveSchema } from '../../src/serve/settings/serve-schema.ts';
import { chartValuesTable } from './chart-values.ts';

/** Text of each generated part, by the name in its comments. */
export const generatedParts: Readonly<Record<string, string>> = {
  options: `${tableOf(serveSchema)}\n`,
  'up options': `${tableOf(meshSchema)}\n`,
  'call options': `${flagTableOf(callSchema)}\n`,
  'chart values': `${chartValuesTable()}\n`,
  'test options': `${flagTableOf(testSchema)}\n`,
};
