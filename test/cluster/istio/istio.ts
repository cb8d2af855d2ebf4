import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { runProgram } from '../../../src/istio/process/program.ts';
import { installTools } from '../../../src/istio/tools/install-tools.ts';
import type { Cluster } from '../cluster.ts';
import { librariesOf, type ScratchImage } from '../image.ts';

const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const bin = '/usr/local/bin';
const operator = { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator' };

/** Returns the images of Istio's installation, with programs that were built on this machine. */
export async function istioImages(signal: AbortSignal): Promise<ScratchImage[]> {
  const { istio, envoy } = await installTools(['istio', 'envoy'], signal);
  const istiod = `${bin}/pilot-discovery`;
  const agent = `${bin}/pilot-agent`;
  const proxyFiles = {
    [agent]: path.join(istio, 'pilot-agent'),
    [`${bin}/envoy`]: path.join(envoy, 'envoy'),
    '/var/lib/istio/envoy/envoy_bootstrap_tmpl.json': path.join(istio, 'envoy_bootstrap.json'),
    ...(await librariesOf(path.join(envoy, 'envoy'), signal)),
    ...(await iptablesFiles(signal)),
  };
  return [
    {
      name: 'localhost/pilot:1',
      files: { [istiod]: path.join(istio, 'pilot-discovery') },
      entrypoint: [istiod],
      user: '1337:1337',
      env,
    },
    {
      name: 'localhost/proxyv2:1',
      files: proxyFiles,
      links: iptablesLinks(),
      entrypoint: [agent],
      user: '0',
      env,
    },
  ];
}

const iptables = '/usr/sbin/xtables-nft-multi';

/** Returns the files of the machine's iptables: one program with many names, its libraries and its plugins. */
async function iptablesFiles(signal: AbortSignal): Promise<Record<string, string>> {
  const plugins = globSync('/usr/lib/*/xtables/*.so');
  const lists = ['/etc/protocols', '/etc/services'].filter((file) => existsSync(file));
  const files = Object.fromEntries([iptables, ...plugins, ...lists].map((file) => [file, file]));
  return { ...files, ...(await librariesOf(iptables, signal)) };
}

function iptablesLinks(): Record<string, string> {
  const names = ['iptables', 'ip6tables'].flatMap((name) => ['', '-save', '-restore'].map((end) => `${name}${end}`));
  const all = names.flatMap((name) => [name, name.replace('tables', 'tables-nft')]);
  return Object.fromEntries(all.map((name) => [`/usr/sbin/${name}`, path.basename(iptables)]));
}

/**
 * Installs the Gateway API and the output of `istioctl manifest generate`, with the values of istio/cluster, and waits
 * until istiod is ready.
 */
export async function installIstio(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const { istio, istioctl } = await installTools(['istio', 'istioctl'], signal);
  const options = fileURLToPath(new URL('install.yaml', import.meta.url));
  const values = readFileSync(new URL('../../../istio/cluster/values/istio.yaml', import.meta.url), 'utf8');
  const input = JSON.stringify({ ...operator, spec: parse(values) });
  const program = path.join(istioctl, 'istioctl');
  const objects = await runProgram(program, ['manifest', 'generate', '-f', options, '-f', '-'], { input, signal });
  await cluster.kubectl('apply', '--server-side', '-f', path.join(istio, 'gateway-api-crds.yaml'));
  await cluster.kubectl('create', 'namespace', 'istio-system');
  await cluster.apply(objects, '--server-side');
  await cluster.kubectl('-n', 'istio-system', 'rollout', 'status', 'deployment/istiod', '--timeout=240s');
}
