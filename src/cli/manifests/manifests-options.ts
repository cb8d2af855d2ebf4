import { parseTargetPattern } from '../../dial/targets/target-pattern.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { checkNamespace, checkServiceName } from '../../manifests/called-services.ts';
import { wholeNumber } from '../../options/option-values.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { defaultPlanLimits } from '../../plan/plan.ts';

/** Value for one service, or for all. */
export interface Assigned<T> {
  readonly service: string | undefined;
  readonly value: T;
}

/** Reads `SERVICE=VALUE`. @throws MeshmockError `usage` */
function assigned<T>(parse: (value: string) => T, expected: string): (given: string) => Assigned<T> {
  return (given) => {
    const [, service, value] = /^([^=/]+)=(.*)$/s.exec(given) ?? [];
    if (service === undefined || value === undefined)
      throw new MeshmockError('usage', `"${given}": expected ${expected}`);
    return { service, value: parse(value) };
  };
}

function versions(list: string): readonly string[] {
  const found = list.split(',');
  const wrong = found.find((version) => !/^[a-z0-9](?:[a-z0-9.-]{0,30}[a-z0-9])?$/.test(version));
  if (wrong !== undefined)
    throw new MeshmockError('usage', `"${wrong}" is not a version such as v1: expected a-z, 0-9, "." and "-"`);
  if (new Set(found).size < found.length) throw new MeshmockError('usage', `"${list}" lists a version twice`);
  return found;
}

const replicas = wholeNumber(0, 1000);

function directives(value: string): string {
  parseDirectives(value, defaultPlanLimits);
  return value;
}

function target(value: string): string {
  return parseTargetPattern(value).text;
}

function name(value: string): string {
  checkServiceName(value);
  return value;
}

function namespace(value: string): string {
  checkNamespace(value);
  return value;
}

function httpUrl(value: string): string {
  // The exporter adds the path, so that the endpoint of traces and that of the collector mean the same.
  const isBase = URL.canParse(value) && /^https?:\/\/[^\s?#]+$/.test(value);
  if (isBase) return value.replace(/\/*(?:\/v1\/traces\/*)?$/, '');
  throw new MeshmockError('usage', `"${value}" is not a URL such as http://jaeger:4318`);
}

function image(value: string): string {
  if (/^[^\s:@/][^\s]*$/.test(value)) return value;
  throw new MeshmockError('usage', `"${value}" is not an image such as meshmock:0.1.0`);
}

export const manifestsSchema = {
  versions: {
    parse: assigned(versions, 'a service and its versions, such as reviews=v1,v2,v3'),
    value: 'SERVICE=V1,V2',
    help: 'versions of a service; v1 if not set',
    repeatable: true,
  },
  replicas: {
    parse: (given: string): Assigned<number> =>
      given.includes('=')
        ? assigned(replicas, 'a service and a number')(given)
        : { service: undefined, value: replicas(given) },
    value: '[SERVICE=]N',
    help: 'pods per version, of one service or of all; 1 if not set',
    repeatable: true,
  },
  behaviour: {
    parse: assigned(directives, 'a service and directives, such as reviews=/~delay=200ms'),
    value: 'SERVICE=DIRECTIVES',
    help: 'directives for every request of a service',
    repeatable: true,
  },
  allowTarget: {
    parse: target,
    value: 'TARGET',
    help: 'addresses or hosts that the mocks may dial, as with `serve`',
    repeatable: true,
  },
  denyTarget: {
    parse: target,
    value: 'TARGET',
    help: 'addresses or hosts that the mocks must not dial',
    repeatable: true,
  },
  entry: {
    parse: name,
    default: 'gateway',
    value: 'SERVICE',
    help: 'service that gets the plan, if the URL names none',
  },
  namespace: {
    parse: namespace,
    value: 'NAME',
    help: 'namespace of all objects, which is created too',
  },
  istio: {
    isSwitch: true,
    help: 'add a DestinationRule and a VirtualService per service with versions',
  },
  image: { parse: image, value: 'IMAGE', help: "image; `meshmock` with this program's version if not set" },
  spansTo: {
    parse: httpUrl,
    value: 'URL',
    help: 'OTLP/HTTP endpoint for spans, such as `http://jaeger:4318`',
  },
} as const;
