import { parse } from 'yaml';
import type { Gateway } from './gateways.ts';
import { groupOf, type KubeObject, type Labels, namespaceOf } from './objects.ts';

/** Ingress of Kubernetes, with the fields that are read here. */
export interface Ingress extends KubeObject {
  spec: {
    ingressClassName?: string;
    tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
  };
}

export interface IngressClass extends KubeObject {
  spec: { controller?: string };
}

/** Fields of the mesh configuration that decide about Ingresses. */
interface IngressSettings {
  readonly ingressControllerMode?: string;
  readonly ingressClass?: string;
  readonly ingressSelector?: string;
  readonly ingressService?: string;
}

/** Facts that decide which Ingresses istiod serves, and with which gateway. */
export interface IngressContext {
  readonly classes: readonly IngressClass[];
  readonly settings: IngressSettings;
}

const classAnnotation = 'kubernetes.io/ingress.class';
const istioController = 'istio.io/ingress-controller';
const ingressGateway = 'istio-ingressgateway';

export function isIngress(object: KubeObject): object is Ingress {
  return object.kind === 'Ingress' && groupOf(object) === 'networking.k8s.io';
}

export function isIngressClass(object: KubeObject): object is IngressClass {
  return object.kind === 'IngressClass' && groupOf(object) === 'networking.k8s.io';
}

/** Reports whether a class is the one of Ingresses without a class. */
export function isDefaultClass(object: KubeObject): boolean {
  return (
    isIngressClass(object) && object.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true'
  );
}

/** Reports whether an Ingress names no class. */
export function lacksClass({ metadata, spec }: Ingress): boolean {
  return spec.ingressClassName === undefined && metadata.annotations?.[classAnnotation] === undefined;
}

/**
 * Reads the fields about Ingresses from the text of a mesh configuration.
 *
 * @returns no fields for a text that is not YAML, which istiod refuses
 */
export function ingressSettings(text: string): IngressSettings {
  try {
    return (parse(text) ?? {}) as IngressSettings;
  } catch {
    return {};
  }
}

/** Reason for which istiod serves an Ingress, or does not. */
export type IngressService =
  | { readonly kind: 'served' }
  /** Another controller serves the class. */
  | { readonly kind: 'other-class'; readonly name: string }
  /** The Ingress names an IngressClass that does not exist. */
  | { readonly kind: 'unknown-class'; readonly name: string }
  | { readonly kind: 'no-class' }
  /** The mesh configuration turns the controller off. */
  | { readonly kind: 'off' };

/**
 * Reports whether istiod serves an Ingress, as istiod decides it (istio/istio, `shouldProcessIngressWithClass`). The
 * API server itself sets the default class.
 */
export function ingressService({ metadata, spec }: Ingress, { classes, settings }: IngressContext): IngressService {
  const { ingressControllerMode: mode = 'STRICT', ingressClass = 'istio' } = settings;
  if (mode === 'OFF') return { kind: 'off' };
  const annotation = metadata.annotations?.[classAnnotation];
  if (annotation !== undefined)
    return annotation === ingressClass ? { kind: 'served' } : { kind: 'other-class', name: annotation };
  const { ingressClassName: name } = spec;
  const found = classes.find((one) => one.metadata.name === name);
  if (found !== undefined)
    return found.spec.controller === istioController ? { kind: 'served' } : { kind: 'other-class', name: name ?? '' };
  if (mode === 'DEFAULT') return { kind: 'served' };
  return name === undefined ? { kind: 'no-class' } : { kind: 'unknown-class', name };
}

/**
 * Reports whether istiod may push something new after a change of an object: an Ingress, or a class of Istio's. istiod
 * does not count such changes.
 */
export function concernsIngresses(object: KubeObject, context: IngressContext): boolean {
  if (isIngress(object)) return ingressService(object, context).kind === 'served';
  return isIngressClass(object) && object.spec.controller === istioController;
}

/** Returns the Gateway that istiod makes of an Ingress (istio/istio, `convertIngressV1alpha3`). */
export function gatewayOfIngress(ingress: Ingress, { settings }: IngressContext): Gateway {
  const { name } = ingress.metadata;
  const hasTls = (ingress.spec.tls ?? []).some(({ secretName = '' }) => secretName !== '');
  const https = { port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['*'] };
  const http = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: `${name}-${ingressGateway}-${namespaceOf(ingress)}`, namespace: 'istio-system' },
    spec: { selector: gatewaySelector(settings), servers: [...(hasTls ? [https] : []), http] },
  };
}

function gatewaySelector({ ingressSelector = '', ingressService: service = '' }: IngressSettings): Labels {
  if (ingressSelector !== '') return { istio: ingressSelector };
  return { istio: service === '' || service === ingressGateway ? 'ingressgateway' : service };
}
