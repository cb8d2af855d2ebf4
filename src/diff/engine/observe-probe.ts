import { observationOf } from '../compare/observe.ts';
import type { Observation } from '../observation.ts';
import type { SecretMarks } from '../secret-values.ts';
import { evidenceOf } from './evidence.ts';
import type { ProbeAnswers } from './probe-sender.ts';

/** Returns what was seen of a probe on one side. */
export function observe({ probe, answers, mirrors }: ProbeAnswers, secrets: SecretMarks): Observation {
  const attempts = answers.flatMap(({ reply }) => reply?.mesh?.attempt ?? []);
  return observationOf(answers, {
    probeId: probe.id,
    mirrors,
    attempts: probe.mode.kind === 'failing' && attempts.length > 0 ? Math.max(...attempts) : undefined,
    evidence: evidenceOf(probe, answers, secrets),
    isAtGateway: probe.caller.kind === 'gateway',
  });
}
