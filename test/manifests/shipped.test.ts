import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { manifestCheck } from './check.ts';
import { shipped } from './shipped.ts';
import { manifestTools, temporaryFolder } from './tools.ts';

const tools = await manifestTools();
const folder = temporaryFolder();
const problemsOf = await manifestCheck(tools, folder);
after(() => rmSync(folder, { recursive: true }));

/** Notes of our own check that shipped files deserve: they are for a cluster, and the local mesh differs from it. */
const waypoint =
  'gateway.gateway.networking.k8s.io/waypoint: the local mesh has no ambient mode: no request passes this waypoint';
const egressGateway = 'no Service or ServiceEntry is named istio-egressgateway.istio-system.svc.cluster.local';
const notes: Readonly<Record<string, readonly string[]>> = {
  'istio/cluster/namespace-ambient.yaml': [
    'namespace/mock: the local mesh has no ambient mode: the pods have sidecars',
    waypoint,
  ],
  'istio/labs/ambient/waypoint.yaml': [waypoint],
  // Istio's installation has the Service, or the local mesh adds it.
  'istio/labs/egress-gateway/test.yaml': [
    `destinationrule.networking.istio.io/egress-gateway: ${egressGateway}: the object applies to no call`,
    `virtualservice.networking.istio.io/partner: ${egressGateway}: requests to it fail`,
  ],
  'istio/labs/egress-gateway-tls/test.yaml': [
    `destinationrule.networking.istio.io/egress-gateway: ${egressGateway}: the object applies to no call`,
    `virtualservice.networking.istio.io/bank: ${egressGateway}: requests to it fail`,
  ],
  'the chart with all values': ['callers', 'entry'].map(
    (policy) =>
      `networkpolicy.networking.k8s.io/mesh-${policy}: the local mesh does not enforce it, so connections that it forbids work here`,
  ),
  'istio/labs/metrics/telemetry.yaml': [
    "telemetry.telemetry.istio.io/service4-metrics: the overrides of its metrics have no effect, because only Istio's build of Envoy has istio.stats",
  ],
};

describe('the schemas of Kubernetes, Istio and the Gateway API, istioctl and our own checks find no problem in', () => {
  for (const [name, render] of Object.entries(shipped(tools, path.join(folder, 'values'))))
    it(name, async () => {
      assert.deepEqual(await problemsOf(await render()), notes[name] ?? []);
    });
});
