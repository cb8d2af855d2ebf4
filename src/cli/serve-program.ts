import { reportFailure } from './output/report-failure.ts';
import { serve } from './serve/serve.ts';

/** Runs `meshmock serve`, and reports its error. The build puts it into a bundle of its own (`main.ts`). */
export function run([, ...args]: readonly string[]): Promise<void> {
  return serve(args).catch(reportFailure);
}
