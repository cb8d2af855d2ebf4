import type { Container, PodSpec } from '../resources/objects.ts';

/** Programs that a node runs in a pod, as the images of its containers name them. */
export interface PodPrograms {
  /** Init container of Istio that redirects the pod's traffic through its proxy, or validates that the CNI plugin does. */
  readonly interception: Container | undefined;
  /** Container of Istio's proxy: a sidecar, or a gateway. */
  readonly proxy: Container | undefined;
  /** Container of Istio's agent without Envoy, for gRPC that needs no proxy. It does not run, because no mock uses it. */
  readonly agent: Container | undefined;
  readonly istiod: Container | undefined;
  /** Containers that one mock replaces. */
  readonly mocked: readonly Container[];
  /** Init containers that do not run. */
  readonly skipped: readonly Container[];
}

/** Returns the last part of an image's name, without registry, tag and digest. */
export function imageName(image: string): string {
  return image.replace(/@.*$/, '').replace(/^.*\//, '').replace(/:.*$/, '');
}

/**
 * Returns the programs of a pod. Images of Istio run as themselves, and one mock replaces all others.
 *
 * @example programsOf(pod.spec).mocked.map(({ name }) => name)
 */
export function programsOf({ containers, initContainers = [] }: PodSpec): PodPrograms {
  const isProxyImage = ({ image = '' }: Container): boolean => /^proxyv2\b|^proxyv2-/.test(imageName(image));
  const first = (container: Container): string | undefined =>
    [...(container.command ?? []), ...(container.args ?? [])][0];
  const all = [...initContainers, ...containers];
  const interception = initContainers.find((one) => isProxyImage(one) && first(one) === 'istio-iptables');
  const agents = all.filter((one) => isProxyImage(one) && first(one) === 'proxy');
  const proxy = agents.find((one) => !isWithoutEnvoy(one));
  const agent = agents.find(isWithoutEnvoy);
  const istiod = containers.find(({ image = '' }) => imageName(image) === 'pilot');
  const own = [interception, proxy, agent, istiod];
  return {
    interception,
    proxy,
    agent,
    istiod,
    mocked: containers.filter((one) => !own.includes(one)),
    skipped: initContainers.filter((one) => !own.includes(one)),
  };
}

/** Reports whether a container of Istio's proxy runs only its agent, as those of the injection template `grpc-agent` do. */
function isWithoutEnvoy({ env = [] }: Container): boolean {
  return env.some(({ name, value }) => name === 'DISABLE_ENVOY' && /^(?:1|t|true)$/i.test(value ?? ''));
}

/**
 * Reports whether gRPC in a container reads Istio's configuration itself, as the injection templates `grpc-agent` and
 * `grpc-simple` make it do.
 */
export function isProxyless({ env = [] }: Container): boolean {
  return env.some(({ name }) => name === 'GRPC_XDS_BOOTSTRAP');
}

/** Reports whether the proxy of a pod is a gateway: it serves the pod alone, without an application. */
export function isGatewayProxy({ args = [] }: Container): boolean {
  return args[1] === 'router';
}
