import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type IstioChanges,
  type IstioOptions,
  istioManifests,
} from '../../../src/istio/control-plane/istio-manifests.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';
import { installTools } from '../../../src/istio/tools/install-tools.ts';
import { installTestTools } from '../../tools/installed.ts';
import type { Input, Output } from './in-namespaces.ts';

const signal = AbortSignal.timeout(300_000);

describe('the control plane', () => {
  let output: Output;
  before(async () => {
    const { kube, cluster } = await installTools(['kube', 'istioctl', 'cluster'], signal);
    const { kubectl } = await installTestTools(['kubectl']);
    const input: Input = { kube: path.join(kube, 'kube'), data: cluster, kubectl: path.join(kubectl, 'bin/kubectl') };
    const script = path.join(import.meta.dirname, 'in-namespaces.ts');
    const flags = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
    const command = [...flags, process.execPath, script, JSON.stringify(input)];
    const { stdout } = await promisify(execFile)('unshare', command, { signal });
    output = JSON.parse(stdout) as Output;
  });

  test('Istio is installed in the API', () => {
    for (const name of [
      'namespace/istio-system',
      'customresourcedefinition.apiextensions.k8s.io/virtualservices.networking.istio.io',
      'customresourcedefinition.apiextensions.k8s.io/httproutes.gateway.networking.k8s.io',
      'deployment.apps/istiod',
      'deployment.apps/istio-ingressgateway',
      'service/jaeger-collector',
      'serviceaccount/istio-ingressgateway-service-account',
      'configmap/istio-sidecar-injector',
      'mutatingwebhookconfiguration.admissionregistration.k8s.io/istio-sidecar-injector',
    ])
      assert(output.names.includes(name), `${name} is missing in ${output.names.join(' ')}`);
  });

  test('one pod of istiod waits for a node', () => {
    assert.match(output.podsOfIstiod.join(), /^pod\/istiod-[^,]+$/);
  });

  test('the Service of the API has the endpoint of the API', () => {
    assert.equal(output.endpoints, '10.77.0.1');
  });

  test('kubectl shows and follows the log of a container', () => {
    const { logs, tail, followed, previous } = output.kubelet;
    assert.equal(logs, 'one\ntwo\nthree\nfour\n');
    assert.equal(tail, 'two\nthree\n');
    assert.equal(followed, 'three\nfour\n');
    assert.equal(previous, 'before\n');
  });

  test('kubectl runs commands in a container, with input, exit codes and a terminal', () => {
    const { exec, execInput, execCode, execTerminal } = output.kubelet;
    assert.match(exec, /^till\nlo .*127\.0\.0\.1/);
    assert.equal(execInput, 'from the client');
    assert.equal(execCode, 7);
    assert.match(execTerminal, /\/dev\/pts\/\d+/);
  });

  test('kubectl forwards a port to the loopback interface of a pod', () => {
    assert.equal(output.kubelet.forwarded, 'from the pod,from the pod');
  });

  test('kubectl reports a container that does not run on the node', () => {
    assert.match(output.kubelet.missing, /other/);
  });
});

describe("a user's configuration of Istio", () => {
  const changesWith = async (options: IstioOptions): Promise<IstioChanges> => {
    const { istioctl, cluster } = await installTools(['kube', 'istioctl', 'cluster'], signal);
    return istioManifests({ istioctl: path.join(istioctl, 'istioctl'), data: cluster }, options, signal);
  };
  const appliedOf = ({ apply }: IstioChanges): readonly KubeObject[] => apply;
  const namesOf = (objects: readonly KubeObject[]): string[] =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const meshOf = (changes: IstioChanges): string => {
    const found = appliedOf(changes).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'istio');
    return (found as { data?: { mesh?: string } } | undefined)?.data?.mesh ?? '';
  };
  const operatorWith = (spec: object): KubeObject => ({
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    metadata: { name: 'mine' },
    spec,
  });

  test('no configuration changes nothing', async () => {
    assert.deepEqual(await changesWith({}), { apply: [], remove: [], notes: [] });
  });

  test('the mesh configuration of an IstioOperator changes only the ConfigMaps', async () => {
    const meshConfig = { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } };
    const changes = await changesWith({ operators: [operatorWith({ meshConfig })] });
    // The ConfigMap `values` repeats the input.
    assert.deepEqual(namesOf(appliedOf(changes)).sort(), ['ConfigMap istio', 'ConfigMap values']);
    assert.match(meshOf(changes), /REGISTRY_ONLY/);
    assert.match(meshOf(changes), /trustDomain: cluster\.local/);
  });

  test('a profile without a gateway removes the gateway', async () => {
    const { remove } = await changesWith({ profile: 'minimal' });
    assert(namesOf(remove).includes('Deployment istio-ingressgateway'), namesOf(remove).join());
  });

  test('an IstioOperator and Helm values are above the values of local meshes', async () => {
    const operators = [operatorWith({ meshConfig: { enableTracing: false } })];
    const text = 'pilot: { env: { PILOT_ENABLE_ALPHA_GATEWAY_API: "true" } }\nmeshConfig: { accessLogFile: "" }';
    const changes = await changesWith({ operators, values: { name: 'values.yaml', text } });
    assert.match(meshOf(changes), /enableTracing: false/);
    assert.match(meshOf(changes), /accessLogFile: ""/);
    const istiod = appliedOf(changes).find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'istiod');
    assert.match(JSON.stringify(istiod), /PILOT_ENABLE_ALPHA_GATEWAY_API/);
    assert.match(JSON.stringify(istiod), /"replicas":1/);
  });

  test('a revision, another namespace and the CNI plugin are reported, and have no effect on what runs', async () => {
    const spec = { revision: 'canary', namespace: 'mesh', components: { cni: { enabled: true } } };
    const { apply, remove, notes } = await changesWith({ operators: [operatorWith(spec)] });
    assert.deepEqual(namesOf(apply).sort(), ['ConfigMap istio-sidecar-injector', 'ConfigMap values']);
    assert.deepEqual(remove, []);
    const difference = 'istiooperator.install.istio.io/mine: the local mesh differs: its';
    assert.deepEqual(notes, [
      `${difference} istiod has the revision default instead of canary`,
      `${difference} istiod runs in istio-system instead of mesh`,
      `${difference} node does the work of the CNI plugin`,
    ]);
  });

  test('the injector of a cluster decides about proxies and the CNI plugin, and about nothing else', async () => {
    const injector = (values: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-sidecar-injector', namespace: 'istio-system' },
      data: {
        values: JSON.stringify({
          global: { tag: '1.20.0', proxy: { image: 'other', excludeInboundPorts: '7777', gone: { a: 1 } } },
          ...values,
        }),
      },
    });
    for (const values of [{ pilot: { cni: { enabled: true } } }, { istio_cni: { enabled: true } }]) {
      const { apply } = await changesWith({ injector: injector(values) });
      const changed = apply.find(({ metadata }) => metadata.name === 'istio-sidecar-injector');
      const { values: text } = (changed?.data ?? {}) as { values: string };
      assert.match(text, /"cni": \{\s+"enabled": true/);
      assert.match(text, /"excludeInboundPorts": "7777"/);
      assert.doesNotMatch(text, /1\.20\.0|"other"/);
    }
    const { apply, remove, notes } = await changesWith({ injector: injector({ global: {} }) });
    assert.deepEqual([namesOf(apply), remove, notes], [['ConfigMap values'], [], []]);
  });

  test('a configuration that istioctl refuses is reported with its message', async () => {
    await assert.rejects(changesWith({ profile: 'none-such' }), { code: 'usage', message: /none-such/ });
    await assert.rejects(changesWith({ values: { name: 'values.yaml', text: '{' } }), {
      code: 'usage',
      message: /values\.yaml: invalid YAML/,
    });
  });
});
