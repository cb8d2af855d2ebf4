import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { analyze } from '../../../src/istio/analysis/analyze.ts';
import { defaultClassInEffect } from '../../../src/istio/apply/default-class.ts';
import type { KubeClient } from '../../../src/istio/kube-api/kube-client.ts';
import { fillObjects } from '../../../src/istio/local-mesh/fill.ts';
import { gatewayObjects } from '../../../src/istio/resources/gateways.ts';
import {
  gatewayOfIngress,
  type Ingress,
  type IngressClass,
  type IngressContext,
  ingressService,
  ingressSettings,
} from '../../../src/istio/resources/ingresses.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

const classOf = (name: string, controller: string): IngressClass => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name },
  spec: { controller },
});
const classes = [classOf('mesh', 'istio.io/ingress-controller'), classOf('web', 'k8s.io/ingress-nginx')];
const contextOf = (mesh = ''): IngressContext => ({ classes, settings: ingressSettings(mesh) });

function ingress(className?: string, annotation?: string): Ingress {
  const annotations = annotation === undefined ? {} : { 'kubernetes.io/ingress.class': annotation };
  const backend = { service: { name: 'shop', port: { number: 81 } } };
  const rules = [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'front', namespace: 'town', annotations },
    spec: { ...(className === undefined ? {} : { ingressClassName: className }), rules } as Ingress['spec'],
  };
}

describe('istiod serves an Ingress', () => {
  for (const [title, one, mesh, kind] of [
    ['of a class with its controller', ingress('mesh'), '', 'served'],
    ['with its annotation, whatever the class', ingress('web', 'istio'), '', 'served'],
    ['with the annotation that the mesh configuration names', ingress(undefined, 'own'), 'ingressClass: own', 'served'],
    ['without a class, if the mode is DEFAULT', ingress(), 'ingressControllerMode: DEFAULT', 'served'],
  ] as const)
    it(title, () => assert.equal(ingressService(one, contextOf(mesh)).kind, kind));

  for (const [title, one, mesh, kind] of [
    ['of a class with another controller', ingress('web'), '', 'other-class'],
    ['with another annotation, whatever the class', ingress('mesh', 'nginx'), '', 'other-class'],
    ['of the class istio, if no IngressClass has the name', ingress('istio'), '', 'unknown-class'],
    ['without a class', ingress(), '', 'no-class'],
    ['if the mode is OFF', ingress('mesh'), 'ingressControllerMode: OFF', 'off'],
  ] as const)
    it(`but not ${title}`, () => assert.equal(ingressService(one, contextOf(mesh)).kind, kind));

  it('with the gateway of the mesh configuration, which the local mesh makes if there is none', () => {
    const names = (mesh: string): string[] =>
      gatewayObjects([gatewayOfIngress(ingress('mesh'), contextOf(mesh))], [], [])
        .filter((object) => object.kind === 'Deployment')
        .map(({ metadata }) => metadata.name);
    assert.deepEqual(names(''), ['istio-ingressgateway']);
    assert.deepEqual(names('ingressService: istio-ingressgateway'), ['istio-ingressgateway']);
    assert.deepEqual(names('ingressService: door'), ['istio-door']);
    assert.deepEqual(names('{ ingressService: door, ingressSelector: way }'), ['istio-way']);
    assert.deepEqual(names(': not YAML: ['), ['istio-ingressgateway']);
  });

  it('at port 443 too, if it has a certificate', () => {
    const portsOf = (one: Ingress) => gatewayOfIngress(one, contextOf()).spec.servers?.map(({ port }) => port.number);
    const plain = ingress('mesh');
    assert.deepEqual(portsOf(plain), [80]);
    assert.deepEqual(portsOf({ ...plain, spec: { ...plain.spec, tls: [{ secretName: 'own' }] } }), [443, 80]);
    assert.deepEqual(portsOf({ ...plain, spec: { ...plain.spec, tls: [{ hosts: ['a.test'] }] } }), [80]);
  });
});

describe('an Ingress', () => {
  it('of Istio gives its backends mocks with --fill', () => {
    const filled = fillObjects({ services: [], workloads: [], config: [ingress('mesh')], namespaces: new Set() });
    assert.deepEqual(
      filled.map(({ kind, metadata, spec }) => [
        kind,
        metadata.namespace,
        metadata.name,
        (spec as { ports?: unknown }).ports,
      ]),
      [
        ['Service', 'town', 'shop', [{ name: 'http-81', port: 81, targetPort: 81 }]],
        ['Deployment', 'town', 'shop', undefined],
      ],
    );
  });

  it('that Istio does not serve is reported with the reason', () => {
    const linesFor = (one: Ingress, mesh = ''): string[] =>
      analyze([one], {
        ...{ services: [], pods: [], config: [], rootNamespace: 'istio-system' },
        ingress: contextOf(mesh),
      });
    const name = 'ingress.networking.k8s.io/front';
    assert.deepEqual(linesFor(ingress('mesh')), []);
    assert.deepEqual(linesFor(ingress('web')), [
      `${name}: the local mesh has no controller for the class web: no request enters here`,
    ]);
    assert.deepEqual(linesFor(ingress('istio')), [
      `${name}: no IngressClass is named istio, so Istio does not serve it: apply one with the controller istio.io/ingress-controller`,
    ]);
    assert.deepEqual(linesFor(ingress()), [
      `${name}: it names no class and there is no default one, so Istio does not serve it: set ingressClassName`,
    ]);
    assert.deepEqual(linesFor(ingress('mesh'), 'ingressControllerMode: OFF'), [
      `${name}: the mesh configuration has ingressControllerMode OFF, so Istio serves no Ingress`,
    ]);
  });

  it('without a class is applied when the API server would give it the default class of the same manifests', async () => {
    const usual = classOf('usual', 'istio.io/ingress-controller');
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    const isDefault = { ...usual, metadata: { ...usual.metadata, annotations } };
    const trialsFor = async (...objects: readonly KubeObject[]): Promise<number> => {
      let trials = 0;
      const create = async (object: Ingress) => {
        const isLate = ++trials < 3;
        return { object: isLate ? object : { ...object, spec: { ingressClassName: 'usual' } }, warnings: [] };
      };
      await defaultClassInEffect({ create } as unknown as KubeClient, objects, AbortSignal.timeout(5000));
      return trials;
    };
    assert.equal(await trialsFor(ingress(), isDefault), 3);
    assert.equal(await trialsFor(ingress(), usual), 0, 'no default class');
    assert.equal(await trialsFor(ingress('mesh'), ingress(undefined, 'istio'), isDefault), 0, 'each has a class');
  });
});
