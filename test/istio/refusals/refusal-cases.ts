import { policyCases } from './policy-cases.ts';
import type { RefusalCase } from './refusal-case.ts';
import { upstreamCases } from './upstream-cases.ts';

/** Cases that cover every reason and every row of the table of refusals. */
export const refusalCases: readonly RefusalCase[] = [...upstreamCases, ...policyCases];
