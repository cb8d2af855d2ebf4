import {
  balancesParentheses,
  beginsPlan,
  headerNameProblem,
  hostProblem,
  trailerNameProblem,
} from '../../src/plan/fields.ts';
import {
  type Behaviour,
  type Call,
  type CallOptions,
  type Condition,
  type Directive,
  defaultPorts,
  grpcStatusNames,
  type Header,
  isWebSocket,
  type Plan,
  schemes,
} from '../../src/plan/plan.ts';
import fc from '../fast-check.ts';

const label = fc.stringMatching(/^[A-Za-z0-9._-]{1,12}$/);
const durationMs = fc.oneof(
  fc.nat(100_000),
  fc.nat(5_000_000).map((us) => us / 1000),
);
const bytes = fc.oneof(
  fc.nat(4_294_967_295),
  fc.nat(4000).map((kb) => kb * 1000),
  fc.nat(4000).map((k) => k * 1024),
);

const host = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}[a-z]$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('http', 'grpc', 'https', 'grpcs', 'localhost', 'a.b.c.', 'x_y.svc.cluster.local'),
  },
  { weight: 1, arbitrary: fc.ipV4() },
  { weight: 1, arbitrary: fc.ipV6().filter((address) => hostProblem(address) === undefined) },
);

const uriText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'/@~,|:*[]();=<?&%.-%7C%29%28%40'.split('')),
      fc.stringMatching(/^[\x21\x22\x24-\x7e]{1,4}$/),
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join('')}`)
  .filter((uri) => !beginsPlan(uri));

const header: fc.Arbitrary<Header> = fc
  .tuple(
    fc.stringMatching(/^[a-z][a-z0-9_.-]{0,10}$/).filter((name) => headerNameProblem(name) === undefined),
    fc.stringMatching(/^[\x20-\x7e]{0,12}$/),
  )
  .map(([name, value]) => ({ name, value }));

const delay = fc.oneof(
  durationMs.map((delayMs) => ({ kind: 'fixed', delayMs }) as const),
  fc
    .tuple(durationMs, durationMs)
    .map(([a, b]) => ({ kind: 'uniform', minMs: Math.min(a, b), maxMs: Math.max(a, b) }) as const),
  fc
    .uniqueArray(
      fc.nat(99_999).map((n) => (n + 1) / 1000),
      { minLength: 1, maxLength: 4 },
    )
    .map(
      (percentiles) =>
        ({
          kind: 'percentiles',
          points: percentiles.sort((a, b) => a - b).map((percentile, index) => ({ percentile, delayMs: index * 10 })),
        }) as const,
    ),
);

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  delay.map((value) => ({ kind: 'delay', delay: value }) as const),
  fc.integer({ min: 200, max: 599 }).map((status) => ({ kind: 'status', status }) as const),
  fc.constantFrom(...grpcStatusNames).map((grpcStatus) => ({ kind: 'grpc-status', grpcStatus }) as const),
  fc.constantFrom({ kind: 'close' } as const, { kind: 'hang' } as const),
  bytes.map((value) => ({ kind: 'size', bytes: value }) as const),
  bytes.map((value) => ({ kind: 'memory', bytes: value }) as const),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => ({ kind: 'body', text }) as const),
  header.map((value) => ({ kind: 'header', header: value }) as const),
  header
    .filter(({ name }) => trailerNameProblem(name) === undefined)
    .map((value) => ({ kind: 'trailer', header: value }) as const),
  fc
    .tuple(fc.constantFrom('chunks' as const, 'events' as const), fc.integer({ min: 1, max: 1000 }), durationMs)
    .map(([kind, count, intervalMs]) => ({ kind, count, intervalMs }) as const),
  durationMs.map((value) => ({ kind: 'cpu', durationMs: value }) as const),
);

const attempt = fc.integer({ min: 1, max: 1000 });
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.integer({ min: 1, max: 1_000_000 }).map((n) => ({ kind: 'share', share: n / 1_000_000 }) as const),
  fc.tuple(attempt, attempt).map(([a, b]) => ({ kind: 'one-in', hits: Math.min(a, b), of: Math.max(a, b) }) as const),
  attempt.map((value) => ({ kind: 'attempt-below', attempt: Math.max(2, value) }) as const),
  attempt.map((value) => ({ kind: 'attempt', attempt: value }) as const),
  label.map((version) => ({ kind: 'version', version }) as const),
  label.map((pod) => ({ kind: 'pod', pod }) as const),
  label.map((zone) => ({ kind: 'zone', zone }) as const),
);

export const directive: fc.Arbitrary<Directive> = fc
  .tuple(behaviour, fc.array(condition, { maxLength: 2 }))
  .map(([action, conditions]) => ({ ...action, conditions }));

const options: fc.Arbitrary<CallOptions> = fc.record(
  {
    timeoutMs: durationMs.filter((ms) => ms > 0),
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'M-SEARCH'),
    retries: fc.nat(3),
    concurrency: fc.integer({ min: 1, max: 100 }),
    http2: fc.constant(true),
    body: fc.constant(true),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** Generators of the parts of a plan. A test may restrict each of them. */
export interface PlanParts {
  readonly directives: fc.Arbitrary<readonly Directive[]>;
  readonly call: fc.Arbitrary<Omit<Call, 'then'>>;
  readonly uri: fc.Arbitrary<string>;
}

const everyCall: PlanParts['call'] = fc
  .tuple(
    fc.constantFrom(...schemes),
    host,
    fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5 })),
    fc.array(header, { maxLength: 2 }),
    fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, options),
  )
  .map(([scheme, name, port, times, headers, all]) => ({
    scheme,
    host: name,
    port: port ?? defaultPorts[scheme],
    times,
    headers,
    options: all,
  }));

/** Returns a call that its scheme allows: over TCP it has only one line of text. */
function validCall(call: Call, shared: Plan | undefined): Call {
  if (call.scheme === 'http' || call.scheme === 'https') return call;
  const { http2: _http2, body: _body, ...others } = call.options;
  if (call.scheme === 'grpc' || call.scheme === 'grpcs') return { ...call, options: others };
  const { method: _, ...options } = others;
  if (isWebSocket(call.scheme)) return { ...call, options };
  const then = call.then ?? shared;
  const isText =
    then === undefined || (then.kind === 'answer' && then.directives.length === 0 && !/%0[ad]/i.test(then.uri));
  return isText ? { ...call, headers: [], options } : { ...call, scheme: 'http' };
}

export const allParts: PlanParts = {
  directives: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(directive, { maxLength: 2 })),
  call: everyCall,
  uri: uriText,
};

/** Generates plans of up to `depth` levels, in every form that the parts and the grammar allow. */
export function arbitraryPlan(parts: PlanParts, depth = 3, nested = false): fc.Arbitrary<Plan> {
  const uri = nested ? parts.uri.filter(balancesParentheses) : parts.uri;
  const answer = fc.tuple(parts.directives, uri, fc.boolean()).map(
    ([directives, text, empty]): Plan => ({
      kind: 'answer',
      directives,
      uri: empty && directives.length > 0 ? '' : text,
    }),
  );
  if (depth === 0) return answer;
  const call = fc
    .tuple(
      parts.call,
      fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, arbitraryPlan(parts, depth - 1, true)),
    )
    .map(([edge, then]): Call => ({ ...edge, then }));
  const stages = fc.array(fc.array(call, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 });
  const then = fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: arbitraryPlan(parts, depth - 1, nested) },
  );
  const calls = fc.tuple(parts.directives, stages, then).map(
    ([directives, all, rest]): Plan => ({
      kind: 'calls',
      directives,
      stages: all.map((stage) => stage.map((call) => validCall(call, rest))),
      then: rest,
    }),
  );
  return fc.oneof({ weight: 1, arbitrary: answer }, { weight: 4, arbitrary: calls });
}
