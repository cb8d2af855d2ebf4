import { MeshmockError } from '../../error/meshmock-error.ts';
import { checkNamespace, checkServiceName } from '../../manifests/called-services.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { defaultPlanLimits } from '../../plan/plan.ts';
import { wholeNumber } from '../options/option-values.ts';

/** A value for one service, or for all. */
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
    throw new MeshmockError('usage', `"${wrong}" is no version such as v1: expected a-z, 0-9, "." and "-"`);
  if (new Set(found).size < found.length) throw new MeshmockError('usage', `"${list}" has a version twice`);
  return found;
}

const replicas = wholeNumber(0, 1000);

function directives(value: string): string {
  parseDirectives(value, defaultPlanLimits);
  return value;
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
  // Its path is put behind it; whoever gives the endpoint of traces means the same collector.
  const isBase = URL.canParse(value) && /^https?:\/\/[^\s?#]+$/.test(value);
  if (isBase) return value.replace(/\/*(?:\/v1\/traces\/*)?$/, '');
  throw new MeshmockError('usage', `"${value}" is no URL such as http://jaeger:4318`);
}

function image(value: string): string {
  if (/^[^\s:@/][^\s]*$/.test(value)) return value;
  throw new MeshmockError('usage', `"${value}" is no image such as meshmock:0.1.0`);
}

export const manifestsSchema = {
  versions: {
    parse: assigned(versions, 'a service and its versions, such as reviews=v1,v2,v3'),
    value: 'SERVICE=V1,V2',
    help: 'the versions of a service; v1 if not given',
    repeatable: true,
  },
  replicas: {
    parse: (given: string): Assigned<number> =>
      given.includes('=')
        ? assigned(replicas, 'a service and a number')(given)
        : { service: undefined, value: replicas(given) },
    value: '[SERVICE=]N',
    help: 'pods of each version, of one service or of all; 1 if not given',
    repeatable: true,
  },
  behaviour: {
    parse: assigned(directives, 'a service and directives, such as reviews=/~delay=200ms'),
    value: 'SERVICE=DIRECTIVES',
    help: 'what a service does with every request, such as `reviews=/~status=503:0.1:version=v2`',
    repeatable: true,
  },
  entry: { parse: name, default: 'gateway', value: 'SERVICE', help: 'who is sent the plan, where the URL names none' },
  namespace: {
    parse: namespace,
    value: 'NAME',
    help: 'the namespace of it all, made too; the current one if not given',
  },
  istio: {
    isSwitch: true,
    help: 'adds a DestinationRule and a VirtualService to start from for each service with several versions',
  },
  image: { parse: image, value: 'IMAGE', help: "the image; `meshmock` with this program's version if not given" },
  spansTo: {
    parse: httpUrl,
    value: 'URL',
    help: 'where spans go, over OTLP/HTTP, such as `http://jaeger:4318`; nowhere if not given',
  },
} as const;
