import { type ErrorCode, requestErrorCodes } from './error-code.ts';

/** Exit code of a command when an expectation or a case does not hold. */
export const failedExitCode = 1;

/** Exit code of a command when nothing answers the call that it makes. */
export const noAnswerExitCode = 3;

const troubleExitCode = 2;
/** `EX_SOFTWARE` of sysexits.h. It differs from the exit code of an expectation that fails. */
const defectExitCode = 70;

/** Exit code of a command that ends with an error. */
export const exitCodeOf: Readonly<Record<ErrorCode, number>> = {
  ...(Object.fromEntries(requestErrorCodes.map((code) => [code, troubleExitCode])) as Record<
    (typeof requestErrorCodes)[number],
    number
  >),
  usage: troubleExitCode,
  unavailable: troubleExitCode,
  timeout: troubleExitCode,
  conflict: troubleExitCode,
  machine: troubleExitCode,
  internal: defectExitCode,
};
