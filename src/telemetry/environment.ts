/** Variables of the environment. */
export type Environment = Record<string, string | undefined>;

export const signals = ['TRACES', 'METRICS', 'LOGS'] as const;
type Signal = (typeof signals)[number];

/** Reports whether the environment turns a signal on: a variable names its exporter or an endpoint, and none forbids it. */
export function isOn(signal: Signal, env: Environment): boolean {
  const exporter = env[`OTEL_${signal}_EXPORTER`] ?? '';
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || exporter === 'none') return false;
  return [exporter, env.OTEL_EXPORTER_OTLP_ENDPOINT, env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]].some(
    (value) => value,
  );
}

/** Reports whether the environment turns spans on. */
export function wantsSpans(env: Environment): boolean {
  return isOn('TRACES', env);
}

/** Returns the instrumentations that the environment names; empty for those of the defaults. */
export function namedInstrumentations(env: Environment): string {
  return env.OTEL_NODE_ENABLED_INSTRUMENTATIONS ?? '';
}

/**
 * Reports whether a service needs the instrumentations of other packages. Our own spans do not: logs and metrics of the
 * runtime do, and what the environment names.
 */
export function wantsInstrumentations(env: Environment): boolean {
  if (isOn('METRICS', env) || isOn('LOGS', env)) return true;
  return wantsSpans(env) && namedInstrumentations(env) !== '';
}
