import { cut, cutBoth } from './cut-texts.ts';
import type { ObservedAnswer, Outcome } from './observation.ts';
import type { Probe } from './probe.ts';

/** Returns an outcome in a few words, such as `200 details v1` or `403 rbac_denied`. */
export function outcomeText(outcome: Outcome): string {
  const { status, grpcStatus } = outcome;
  const code = grpcStatus === undefined || grpcStatus === 'OK' ? String(status ?? '') : grpcStatus;
  return [code, answerText(outcome.answer)].filter((part) => part !== '').join(' ');
}

/** Returns two outcomes in a few words each. Bodies that begin alike are shown from the place where they differ. */
export function outcomeTexts(old: Outcome, changed: Outcome): readonly [string, string] {
  const { answer: before } = old;
  const { answer: after } = changed;
  if (before.kind !== 'direct' || after.kind !== 'direct') return [outcomeText(old), outcomeText(changed)];
  const [from, to] = cutBoth(before.body, after.body, mostBodyCharacters);
  return [
    outcomeText({ ...old, answer: { ...before, body: from } }),
    outcomeText({ ...changed, answer: { ...after, body: to } }),
  ];
}

/** Number of characters of a body that a report shows. */
const mostBodyCharacters = 20;

function answerText(answer: ObservedAnswer): string {
  switch (answer.kind) {
    case 'service':
      return [answer.service, answer.version].filter(Boolean).join(' ');
    case 'refused':
      return answer.reason;
    case 'redirect':
      return `to ${answer.location}`;
    case 'direct':
      return answer.body === '' ? 'direct response' : `direct response "${cut(answer.body, mostBodyCharacters)}"`;
    case 'foreign':
      return 'from a server that is no mock';
    case 'none':
      return `no answer (${answer.code})`;
  }
}

/** Returns the destination of an answer in a table of shares: `v2`, or `details v1` for another service. */
export function destinationText(outcome: Outcome, { destination }: Probe): string {
  const { answer } = outcome;
  if (answer.kind !== 'service') return outcomeText(outcome);
  const isCalled = answer.service === destination.name.split('.')[0];
  return isCalled && answer.version ? answer.version : answerText(answer);
}
