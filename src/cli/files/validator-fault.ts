import type { Node } from 'yaml';
import type { Fault } from '../../cases/asserted-route.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { durationMs, text, wholeNumber } from '../../options/option-values.ts';
import type { Fields, YamlFile } from './yaml-file.ts';

/** Reads a fault in the form of a VirtualService. @throws MeshmockError `usage` with line and column */
export function readFault(yaml: YamlFile, node: Node): Fault {
  const fields = yaml.fields(node, ['delay', 'abort'], 'a delay or an abort');
  return {
    delay: yaml.optionalNode(fields, 'delay', (value) => readDelay(yaml, value)),
    abort: yaml.optionalNode(fields, 'abort', (value) => readAbort(yaml, value)),
  };
}

function readDelay(yaml: YamlFile, node: Node): Fault['delay'] {
  const fields = yaml.fields(node, ['percentage', 'percent', 'fixedDelay'], 'a fixedDelay');
  const delayMs = yaml.parseScalar(yaml.required(node, fields, 'fixedDelay', '2s'), durationMs);
  return { delayMs, percent: percentOf(yaml, fields) };
}

function readAbort(yaml: YamlFile, node: Node): Fault['abort'] {
  const fields = yaml.fields(node, ['percentage', 'percent', 'httpStatus', 'grpcStatus'], 'an httpStatus');
  const percent = percentOf(yaml, fields);
  const grpcStatus = yaml.optionalScalar(fields, 'grpcStatus', text);
  if (grpcStatus !== undefined) return { status: { kind: 'grpc', status: grpcStatus }, percent };
  const status = yaml.parseScalar(yaml.required(node, fields, 'httpStatus', '503'), wholeNumber(200, 599));
  return { status: { kind: 'http', status }, percent };
}

/** Reads a percentage: 100 if none is given (Istio, `HTTPFaultInjection`). */
function percentOf(yaml: YamlFile, fields: Fields): number {
  const value = yaml.optionalNode(fields, 'percentage', (node) =>
    yaml.optionalScalar(yaml.fields(node, ['value'], 'a value from 0 to 100'), 'value', percentage),
  );
  return value ?? yaml.optionalScalar(fields, 'percent', percentage) ?? 100;
}

function percentage(value: string): number {
  if (/^\d{1,3}(?:\.\d+)?$/.test(value) && Number(value) <= 100) return Number(value);
  throw new MeshmockError('usage', `"${value}": expected a number from 0 to 100`);
}
