import { FieldReader } from './field-reader.ts';
import * as fields from './fields.ts';
import { type Behaviour, type Condition, type Delay, grpcStatusNames, type Header, type Pace } from './plan.ts';

const behaviourFields = [
  'delay',
  'status',
  'grpcStatus',
  'close',
  'hang',
  'sizeBytes',
  'body',
  'header',
  'cpuMs',
  'chunks',
  'events',
  'trailer',
  'memoryBytes',
] as const;

const conditionFields = ['share', 'exactShare', 'attemptBelow', 'attempt', 'version', 'pod', 'zone'] as const;

/** Reads a header, and checks its name. */
type HeaderReader = (message: unknown, field: string, nameProblem: (name: string) => string | undefined) => Header;

/**
 * Reads the behaviour of a directive's message. Also returns the reader, for the directive's conditions.
 *
 * @throws MeshmockError `invalid_plan` with the path of the field
 */
export function behaviourFrom(
  message: unknown,
  field: string,
  headerFrom: HeaderReader,
): { reader: FieldReader; behaviour: Behaviour } {
  const reader = new FieldReader(message, field, [...behaviourFields, 'conditions']);
  return { reader, behaviour: readBehaviour(reader, headerFrom) };
}

function readBehaviour(reader: FieldReader, headerFrom: HeaderReader): Behaviour {
  const name = reader.exactlyOneOf(behaviourFields);
  switch (name) {
    case 'delay':
      return { kind: name, delay: delayFrom(reader.value(name), reader.pathOf(name)) };
    case 'status':
      return { kind: name, status: reader.checked(name, reader.number(name) ?? 0, fields.statusProblem) };
    case 'grpcStatus': {
      const grpcStatus = grpcStatusNames.find((known) => known === reader.string(name));
      if (grpcStatus === undefined) throw reader.error(name, `one of ${grpcStatusNames.join(', ')}`);
      return { kind: 'grpc-status', grpcStatus };
    }
    case 'close':
    case 'hang':
      if (reader.value(name) !== true) throw reader.error(name, 'true');
      return { kind: name };
    case 'sizeBytes':
      return { kind: 'size', bytes: reader.checked(name, reader.number(name) ?? 0, fields.sizeProblem) };
    case 'memoryBytes':
      return { kind: 'memory', bytes: reader.checked(name, reader.number(name) ?? 0, fields.sizeProblem) };
    case 'body':
      return { kind: name, text: reader.checked(name, reader.string(name) ?? '', fields.textProblem) };
    case 'header':
      return {
        kind: name,
        header: headerFrom(reader.value(name), reader.pathOf(name), fields.answerHeaderNameProblem),
      };
    case 'trailer':
      return { kind: name, header: headerFrom(reader.value(name), reader.pathOf(name), fields.trailerNameProblem) };
    case 'chunks':
    case 'events':
      return { kind: name, ...paceFrom(reader.value(name), reader.pathOf(name)) };
    case 'cpuMs':
      return { kind: 'cpu', durationMs: reader.checked(name, reader.number(name) ?? 0, fields.durationProblem) };
  }
}

function paceFrom(message: unknown, field: string): Pace {
  const reader = new FieldReader(message, field, ['count', 'intervalMs']);
  return {
    count: reader.checked('count', reader.number('count') ?? 0, fields.partsProblem),
    intervalMs: reader.checked('intervalMs', reader.number('intervalMs') ?? 0, fields.durationProblem),
  };
}

function delayFrom(message: unknown, field: string): Delay {
  const reader = new FieldReader(message, field, ['fixedMs', 'range', 'percentiles']);
  const name = reader.exactlyOneOf(['fixedMs', 'range', 'percentiles']);
  switch (name) {
    case 'fixedMs':
      return { kind: 'fixed', delayMs: reader.checked(name, reader.number(name) ?? 0, fields.durationProblem) };
    case 'range': {
      const range = new FieldReader(reader.value(name), reader.pathOf(name), ['minMs', 'maxMs']);
      const minMs = range.checked('minMs', range.number('minMs') ?? 0, fields.durationProblem);
      const maxMs = range.checked('maxMs', range.number('maxMs') ?? 0, fields.durationProblem);
      if (maxMs < minMs) throw range.error('maxMs', 'a number that is not less than minMs');
      return { kind: 'uniform', minMs, maxMs };
    }
    case 'percentiles': {
      const list = new FieldReader(reader.value(name), reader.pathOf(name), ['points']);
      const points = list.list('points', (item, at) => {
        const point = new FieldReader(item, at, ['percentile', 'delayMs']);
        const delayMs = point.checked('delayMs', point.number('delayMs') ?? 0, fields.durationProblem);
        return { percentile: point.number('percentile') ?? 0, delayMs };
      });
      return { kind: name, points: list.checked('points', points, fields.percentilesProblem) };
    }
  }
}

/**
 * Reads a condition from its message.
 *
 * @throws MeshmockError `invalid_plan` with the path of the field
 */
export function conditionFrom(message: unknown, field: string): Condition {
  const reader = new FieldReader(message, field, conditionFields);
  const name = reader.exactlyOneOf(conditionFields);
  switch (name) {
    case 'share':
      return { kind: name, share: reader.checked(name, reader.number(name) ?? 0, fields.shareProblem) };
    case 'exactShare': {
      const share = new FieldReader(reader.value(name), reader.pathOf(name), ['hits', 'of']);
      const [hits, of] = [share.number('hits') ?? 0, share.number('of') ?? 0];
      const problem = fields.oneInProblem(hits, of);
      if (problem !== undefined) throw share.error('hits', problem);
      return { kind: 'one-in', hits, of };
    }
    case 'attemptBelow':
      return {
        kind: 'attempt-below',
        attempt: reader.checked(name, reader.number(name) ?? 0, fields.attemptBelowProblem),
      };
    case 'attempt':
      return { kind: name, attempt: reader.checked(name, reader.number(name) ?? 0, fields.attemptProblem) };
    case 'version':
      return { kind: name, version: reader.checked(name, reader.string(name) ?? '', fields.labelProblem) };
    case 'pod':
      return { kind: name, pod: reader.checked(name, reader.string(name) ?? '', fields.labelProblem) };
    case 'zone':
      return { kind: name, zone: reader.checked(name, reader.string(name) ?? '', fields.labelProblem) };
  }
}
