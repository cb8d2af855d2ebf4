import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyObject } from '../../../src/istio/apply/apply-object.ts';
import { startControlPlane } from '../../../src/istio/control-plane/control-plane.ts';
import { KubeClient } from '../../../src/istio/kube-api/kube-client.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';
import type { ControlPlaneTools } from './in-namespaces.ts';

const address = '10.77.0.1';

/** API server of a cluster without nodes, in the namespaces of this process. */
export interface TestCluster {
  readonly client: KubeClient;
  /** Runs kubectl, and returns what it prints. */
  kubectl(args: readonly string[], input?: string): string;
  stop(): Promise<void>;
}

/** Cluster of the tests of one suite, and the signal that ends it. */
export interface SuiteCluster {
  readonly signal: AbortSignal;
  /** The cluster, while tests of the suite run. */
  readonly cluster: TestCluster;
}

/** Makes a cluster start before the tests of the current suite, and stop after them. */
export function clusterOfSuite(tools: ControlPlaneTools): SuiteCluster {
  const stop = new AbortController();
  const { signal } = stop;
  let running: TestCluster | undefined;
  before(async () => {
    running = await startTestCluster(tools, signal);
  });
  after(async () => {
    stop.abort();
    await running?.stop();
  });
  return {
    signal,
    get cluster() {
      assert.ok(running, 'the cluster runs');
      return running;
    },
  };
}

/** Starts etcd, the API server, its controllers, and an istiod whose webhooks validate and inject. */
async function startTestCluster(tools: ControlPlaneTools, signal: AbortSignal): Promise<TestCluster> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-kube-api-'));
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['address', 'add', `${address}/16`, 'dev', 'lo']);
  const log = path.join(folder, 'log');
  const kube = path.join(tools.kube, 'kube');
  const plane = { kube, data: tools.cluster, folder: path.join(folder, 'plane'), address, log };
  const { program, server } = await startControlPlane(plane, signal);
  const client = new KubeClient(server);
  // CRDs of the data are served some time after the API server is ready.
  await until(async () => {
    await client.discover(signal);
    return client.kinds.filter(({ group }) => group.endsWith('istio.io')).length > 10;
  }, signal);
  for (const object of [istiodEndpoints, defaultValidator]) await applyObject(client, object, signal);
  const istiod = startIstiod(path.join(tools.istio, 'pilot-discovery'), folder, server.kubeconfig);
  await until(async () => isCompleted(await client.get(defaultValidator, signal)), signal);
  return {
    client,
    kubectl: (args, input = '') => {
      const own = ['--kubeconfig', server.kubeconfig, '--cache-dir', path.join(folder, 'kubectl-cache')];
      const options = { input, maxBuffer: 64 * 1024 * 1024, encoding: 'utf8' } as const;
      return execFileSync(path.join(tools.kubectl, 'bin/kubectl'), [...own, ...args], options);
    },
    stop: async () => {
      await client[Symbol.asyncDispose]();
      for (const one of [istiod, program]) one.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await condition())) await sleep(50, undefined, { signal });
}

function startIstiod(file: string, folder: string, kubeconfig: string): ChildProcess {
  const cwd = path.join(folder, 'istiod');
  mkdirSync(cwd);
  const log = openSync(path.join(folder, 'istiod.log'), 'a');
  const args = ['discovery', '--kubeconfig', kubeconfig, '--domain', 'cluster.local'];
  return spawn(file, args, { cwd, stdio: ['ignore', log, log], env: { ...process.env, ...istiodVariables } });
}

const istiodVariables = {
  POD_NAME: 'istiod-test',
  POD_NAMESPACE: 'istio-system',
  SERVICE_ACCOUNT: 'istiod',
  REVISION: 'default',
  PILOT_CERT_PROVIDER: 'istiod',
  CLUSTER_ID: 'Kubernetes',
  ISTIOD_ADDR: 'istiod.istio-system.svc:15012',
  PILOT_ENABLE_ANALYSIS: 'false',
  VALIDATION_WEBHOOK_CONFIG_NAME: 'istio-validator-istio-system',
  INJECTION_WEBHOOK_CONFIG_NAME: 'istio-sidecar-injector',
  ENABLE_LEADER_ELECTION: 'false',
};

const istiodEndpoints: KubeObject = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'istiod-test', namespace: 'istio-system', labels: { 'kubernetes.io/service-name': 'istiod' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ports: [{ name: 'https-webhook', port: 15017, protocol: 'TCP' }],
};

/** Webhook for objects without a revision, from Istio's chart `default`. `istioctl manifest generate` leaves it out. */
const defaultValidator: KubeObject = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: {
    name: 'istiod-default-validator',
    labels: { app: 'istiod', istio: 'istiod', 'istio.io/rev': 'default', 'istio.io/tag': 'default' },
  },
  webhooks: [
    {
      name: 'validation.istio.io',
      clientConfig: { service: { name: 'istiod', namespace: 'istio-system', path: '/validate' } },
      rules: [
        {
          operations: ['CREATE', 'UPDATE'],
          apiGroups: ['security', 'networking', 'telemetry', 'extensions'].map((name) => `${name}.istio.io`),
          apiVersions: ['*'],
          resources: ['*'],
        },
      ],
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      objectSelector: { matchExpressions: [{ key: 'istio.io/rev', operator: 'DoesNotExist' }] },
    },
  ],
};

/** Reports whether istiod has given a webhook its certificate and its policy. */
function isCompleted(object: KubeObject | undefined): boolean {
  const [webhook] = (object?.webhooks ?? []) as { failurePolicy: string; clientConfig: { caBundle?: string } }[];
  return webhook?.failurePolicy === 'Fail' && webhook.clientConfig.caBundle !== undefined;
}
