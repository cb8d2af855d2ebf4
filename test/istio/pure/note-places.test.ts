import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyze } from '../../../src/istio/analysis/analyze.ts';
import { withPlaces } from '../../../src/istio/apply/note-places.ts';
import { parseManifests } from '../../../src/istio/resources/manifest.ts';

const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: default }
spec:
  hosts: [catalog, nothing]
  gateways: [mesh, front]
  http:
    - route:
        - destination: { host: catalog, subset: v1 }
        - destination:
            host: catalog
            subset: v3
    - route: [{ destination: { host: missing } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: default }
spec:
  host: catalog
  subsets:
    - name: v1
      labels: { version: v1 }
---
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: default }
spec:
  ports: [{ port: 80 }]
  selector: { app: catalog }
`;

test('a note of the analysis gets the place of the field that it is about', () => {
  const sources = [{ name: 'k8s/a.yaml', text }];
  const objects = parseManifests(sources).map(({ object }) => object);
  const services = objects.filter(({ kind }) => kind === 'Service') as never;
  const pods = [{ namespace: 'default', labels: { app: 'other', version: 'v2' } }];
  const config = objects.filter(({ kind }) => kind === 'DestinationRule');
  const notes = analyze(objects, { services, pods, config, rootNamespace: 'istio-system' });
  const virtualService = 'virtualservice.networking.istio.io/catalog';
  assert.deepEqual(withPlaces(notes, sources, 'default'), [
    `k8s/a.yaml:5:20: ${virtualService}: no Service or ServiceEntry is named nothing in default: the object applies to no call`,
    `k8s/a.yaml:12:13: ${virtualService}: no DestinationRule defines the subset v3 of catalog: requests to it fail`,
    `k8s/a.yaml:13:32: ${virtualService}: no Service or ServiceEntry is named missing in default: requests to it fail`,
    `k8s/a.yaml:6:20: ${virtualService}: no Gateway is named default/front: no request enters through it`,
    'k8s/a.yaml:21:7: destinationrule.networking.istio.io/catalog: subset v1: no pod of catalog has version=v1',
    'k8s/a.yaml:29:3: service/catalog: the selector app=catalog matches no pod in default',
  ]);
});

test('a note without a field gets the place of its object, and a note without an object gets none', () => {
  const source = { name: 'k8s/a.yaml', text };
  const elsewhere = { name: 'b.yaml', text: text.replaceAll('namespace: default', 'namespace: b') };
  const old = 'service/catalog: it is old';
  assert.deepEqual(withPlaces([old], [source], 'default'), [`k8s/a.yaml:24:1: ${old}`]);
  assert.deepEqual(withPlaces([old], [source, elsewhere], 'default'), [old]);
  for (const other of ['service/other: it is old', 'cannot determine which parts are untested: no'])
    assert.deepEqual(withPlaces([other], [source], 'default'), [other]);
  const many = 'service/catalog and 4 other objects: it is old';
  assert.deepEqual(withPlaces([many], [source], 'default'), [`k8s/a.yaml:24:1: ${many}`]);
});

test('a note about an object that a later one replaces gets the place of the later one', () => {
  const old = 'service/catalog: it is old';
  const plain = text.replaceAll(', namespace: default', '');
  const later = { name: 'b.yaml', text: plain };
  const sources = [{ name: 'k8s/a.yaml', text }, later];
  assert.deepEqual(withPlaces([old], sources, 'default'), [`b.yaml:24:1: ${old}`]);
  assert.deepEqual(withPlaces([old], sources, undefined), [old], 'only the mesh knows the default');
  assert.deepEqual(withPlaces([old], [later], undefined), [`b.yaml:24:1: ${old}`]);
});
