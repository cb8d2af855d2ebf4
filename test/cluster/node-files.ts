import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../../src/istio/process/program.ts';
import { pauseImage } from './image.ts';
import type { NodeOptions } from './node-options.ts';

export const nodeName = 'node-1';
/** Address in a network that only the node and its pods use. */
export const nodeAddress = '10.99.0.2';
export const podRange = '10.244.0.0/24';
export const serviceRange = '10.96.0.0/16';
const apiService = '10.96.0.1';
const dnsService = '10.96.0.10';
export const apiUrl = `https://${nodeAddress}:6443`;
export const containerdSocket = '/run/containerd/containerd.sock';

/** Clients of the API server, with the user names for which Kubernetes has roles. */
const users = {
  admin: { name: 'admin', group: 'system:masters' },
  controllers: { name: 'system:kube-controller-manager', group: '' },
  scheduler: { name: 'system:kube-scheduler', group: '' },
  proxy: { name: 'system:kube-proxy', group: '' },
  kubelet: { name: `system:node:${nodeName}`, group: 'system:nodes' },
} as const;

/** Returns the paths of the files in a node's folder. */
export function filesOf(folder: string) {
  const at = (...names: string[]): string => path.join(folder, ...names);
  return {
    certificate: at('conf', 'certificate.pem'),
    key: at('conf', 'key.pem'),
    tokens: at('conf', 'tokens.csv'),
    kubeconfig: (user: keyof typeof users): string => at('conf', `${user}.kubeconfig`),
    containerd: at('conf', 'containerd.toml'),
    cni: at('cni'),
    kubelet: at('conf', 'kubelet.json'),
    proxy: at('conf', 'proxy.json'),
    resolvConf: at('conf', 'resolv.conf'),
    podResolvConf: at('conf', 'pod-resolv.conf'),
    /** Folder for files that the programs create. */
    created: at('created'),
    log: (program: string): string => at('logs', `${program}.log`),
  };
}

/**
 * Creates the only certificate of a node. It serves as the authority and as the API server's certificate, and its key
 * signs tokens. This is safe because the node cannot be reached from outside.
 */
export async function createCertificate(folder: string, signal: AbortSignal): Promise<void> {
  const { certificate, key } = filesOf(folder);
  for (const name of ['conf', 'cni', 'created']) mkdirSync(path.join(folder, name));
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map((name) => `DNS:${name}`);
  const addresses = [nodeAddress, apiService, '127.0.0.1'].map((address) => `IP:${address}`);
  await runProgram(
    'openssl',
    [
      'req',
      '-x509',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/O=system:masters/CN=api-server',
      '-addext',
      `subjectAltName=${[...names, ...addresses].join()}`,
    ],
    { signal },
  );
}

/** Writes the configuration files of a node's programs. */
export function writeNodeFiles({ folder, tools }: NodeOptions): void {
  const files = filesOf(folder);
  const tokens = Object.entries(users).map(([user, { name, group }]) => {
    const token = randomUUID();
    writeJson(files.kubeconfig(user as keyof typeof users), kubeconfig(files.certificate, token));
    return `${token},${name},${name},${group}\n`;
  });
  writeFileSync(files.tokens, tokens.join(''));
  writeFileSync(files.resolvConf, `nameserver ${dnsService}\nsearch svc.cluster.local cluster.local\n`);
  // For pods that use the node's DNS settings. This is only CoreDNS, which must not query itself.
  writeFileSync(files.podResolvConf, 'nameserver 127.0.0.1\n');
  writeFileSync(files.containerd, containerdConfig(folder, tools.containerd));
  writeJson(path.join(files.cni, '10-pods.conflist'), podNetwork);
  writeJson(files.kubelet, kubeletConfig(folder));
  writeJson(files.proxy, {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podRange,
    hostnameOverride: nodeName,
    clientConnection: { kubeconfig: files.kubeconfig('proxy') },
    // kube-proxy must not change these settings of the whole machine.
    conntrack: { maxPerCore: 0, tcpCloseWaitTimeout: '0s', tcpEstablishedTimeout: '0s' },
    iptables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
  });
}

/** Writes a configuration file as JSON, which is a subset of YAML. */
function writeJson(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value));
}

function kubeconfig(certificate: string, token: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: apiUrl, 'certificate-authority': certificate } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
}

/** Network plugins that link each pod directly to the node. The kernel of a test machine may not support bridges. */
const podNetwork = {
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni',
        ranges: [[{ subnet: podRange }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

function containerdConfig(folder: string, containerd: string): string {
  return `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
disable_apparmor = true
# Without CAP_SYS_RESOURCE no process may lower its oom_score_adj.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "${containerd}/usr/sbin/runc"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${containerd}/usr/lib/cni"
conf_dir = "${folder}/cni"
`;
}

function kubeletConfig(folder: string): unknown {
  const { certificate, podResolvConf } = filesOf(folder);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: certificate } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${path.basename(folder)}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [dnsService],
    clusterDomain: 'cluster.local',
    resolvConf: podResolvConf,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    // Pods must not be evicted because the machine's disk is nearly full.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    volumePluginDir: path.join(folder, 'created', 'volume-plugins'),
  };
}
