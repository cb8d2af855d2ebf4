import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiServer } from '../../../src/istio/kube-api/api-server.ts';
import { KubeClient } from '../../../src/istio/kube-api/kube-client.ts';
import { installTools } from '../../../src/istio/tools.ts';

const address = '10.99.0.2';
const kube = process.env.KUBE ?? '/tmp/i15/kube/kube';
const data = process.env.KUBE_DATA ?? '/tmp/i15/data';

/** Control plane of a cluster without nodes, in the namespaces of this process. */
export interface TestControlPlane {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** Path of a kubeconfig for kubectl. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Starts etcd, the API server, the controllers and istiod, with Istio's manifests and all CRDs. */
export async function startControlPlane(signal: AbortSignal): Promise<TestControlPlane> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-kube-'));
  for (const line of [
    'link set lo up',
    'link add eth0 type veth peer name eth0p',
    'link set eth0p up',
    `addr add ${address}/24 dev eth0`,
    'link set eth0 up',
    'route add 10.96.0.0/16 dev eth0',
  ])
    execFileSync('ip', line.split(' '));
  cpSync(data, path.join(folder, 'etcd'), { recursive: true });
  const server = createKeys(folder);
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(folder, server.url)));
  const programs: ChildProcess[] = [];
  const start = (name: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void => {
    const log = openSync(path.join(folder, `${name}.log`), 'a');
    const cwd = path.join(folder, 'work');
    mkdirSync(cwd, { recursive: true });
    programs.push(spawn(file, args, { cwd, stdio: ['ignore', log, log], env: { ...process.env, ...env } }));
  };
  start('etcd', kube, ['etcd', path.join(folder, 'etcd'), 'http://127.0.0.1:2379']);
  start('api', kube, ['kube-apiserver', ...apiServerFlags(folder)]);
  const client = new KubeClient(server);
  await until(async () => {
    await client.discover(signal);
    return client.kinds.length > 0;
  }, signal);
  start('controllers', kube, ['kube-controller-manager', ...controllerFlags(folder, kubeconfig)]);
  const { istio } = await installTools(['istio'], signal);
  start('istiod', path.join(istio, 'pilot-discovery'), istiodFlags(kubeconfig), istiodVariables);
  await until(async () => (await fetch('http://127.0.0.1:8080/ready', { signal })).ok, signal);
  // CRDs of the data folder are served some time after the API server is ready.
  await until(async () => {
    await client.discover(signal);
    return client.kinds.filter(({ group }) => group.endsWith('istio.io')).length > 10;
  }, signal);
  await until(async () => {
    const ref = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' };
    const found = await client.get({ ...ref, metadata: { name: 'istio-validator-istio-system' } }, signal);
    const [webhook] = (found?.webhooks ?? []) as { failurePolicy: string; clientConfig: { caBundle?: string } }[];
    return webhook?.failurePolicy === 'Fail' && webhook.clientConfig.caBundle !== undefined;
  }, signal);
  return {
    server,
    client,
    kubeconfig,
    stop: async () => {
      await client[Symbol.asyncDispose]();
      for (const program of programs) program.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await condition().catch(() => false))) await sleep(50, undefined, { signal });
}

function createKeys(folder: string): ApiServer {
  const run = (script: string): void => {
    execFileSync('sh', ['-ec', script], { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
  };
  const key = (name: string): string => `openssl ecparam -name prime256v1 -genkey -noout -out ${name}.key`;
  const sign = (name: string, subject: string, extension: string): void => {
    writeFileSync(path.join(folder, `${name}.ext`), extension);
    run(`${key(name)}
      openssl req -new -key ${name}.key -subj ${subject} -out ${name}.csr
      openssl x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out ${name}.crt -extfile ${name}.ext`);
  };
  run(`${key('ca')}
    openssl req -x509 -new -key ca.key -days 2 -subj /CN=test -out ca.crt -addext basicConstraints=critical,CA:TRUE
    openssl genrsa -out accounts.key 2048`);
  sign('api', '/CN=api', `subjectAltName=IP:127.0.0.1,IP:${address}`);
  sign('admin', '/O=system:masters/CN=admin', 'extendedKeyUsage=clientAuth');
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  return { url: `https://${address}:6443`, ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') };
}

function kubeconfigOf(folder: string, server: string): object {
  const user = { 'client-certificate': `${folder}/admin.crt`, 'client-key': `${folder}/admin.key` };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': `${folder}/ca.crt` } }],
    users: [{ name: 'admin', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  };
}

function apiServerFlags(folder: string): string[] {
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    '--bind-address=0.0.0.0',
    `--advertise-address=${address}`,
    '--secure-port=6443',
    `--tls-cert-file=${folder}/api.crt`,
    `--tls-private-key-file=${folder}/api.key`,
    `--client-ca-file=${folder}/ca.crt`,
    '--authorization-mode=RBAC',
    '--allow-privileged',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${folder}/accounts.key`,
    `--service-account-signing-key-file=${folder}/accounts.key`,
    '--api-audiences=https://kubernetes.default.svc,istio-ca',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--cert-dir=${folder}`,
    '--endpoint-reconciler-type=none',
    '--enable-aggregator-routing=true',
  ];
}

function controllerFlags(folder: string, kubeconfig: string): string[] {
  const controllers = [
    'deployment',
    'replicaset',
    'statefulset',
    'daemonset',
    'job',
    'endpointslice',
    'endpointslice-mirroring',
    'serviceaccount',
    'serviceaccount-token',
    'namespace',
    'garbage-collector',
    'root-ca-certificate-publisher',
  ];
  return [
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${folder}/accounts.key`,
    `--root-ca-file=${folder}/ca.crt`,
    '--leader-elect=false',
    `--controllers=${controllers.map((name) => `${name}-controller`).join(',')}`,
  ];
}

function istiodFlags(kubeconfig: string): string[] {
  return ['discovery', '--kubeconfig', kubeconfig, '--monitoringAddr=:15014', '--domain', 'cluster.local'];
}

const istiodVariables = {
  POD_NAME: 'istiod-local',
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
