import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { installTestTools } from '../tools/installed.ts';
import { freePort, startLocalServer } from './local-server.ts';

/** Node of Kiali's graph. */
export interface GraphNode {
  readonly id: string;
  readonly nodeType: 'app' | 'service' | 'workload' | 'box' | 'unknown' | 'serviceentry' | 'aggregate';
  readonly namespace: string;
  readonly app?: string;
  readonly version?: string;
  readonly workload?: string;
  readonly service?: string;
}

/** Edge of Kiali's graph. Numbers are texts. */
export interface GraphEdge {
  readonly source: string;
  readonly target: string;
  /** Share of requests with mTLS, in percent. */
  readonly isMTLS?: string;
  readonly traffic?: {
    readonly protocol: string;
    readonly rates: Readonly<Record<string, string>>;
    readonly responses?: Readonly<Record<string, unknown>>;
  };
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** Result of Kiali's validation of an object. */
export interface Validation {
  /** Kind, name and namespace, as in `gateway/ingress.default`. */
  readonly object: string;
  readonly valid: boolean;
  readonly checks: readonly Check[];
}

interface Check {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
}

/** Kiali's server, which reads a mesh's Kubernetes API and Prometheus. */
export interface Kiali extends AsyncDisposable {
  readonly url: string;
  /** Text that the server has logged. */
  readonly log: string;
  /** Returns the graph of namespaces over the last seconds. */
  graph(namespaces: readonly string[], durationS: number): Promise<Graph>;
  /** Validates the workloads and Istio objects of all namespaces. */
  validations(): Promise<Validation[]>;
}

export interface KialiOptions {
  /** Path of a kubeconfig of an administrator. */
  readonly kubeconfig: string;
  readonly prometheusUrl: string;
  /** URL of istiod's debug interface; Kiali asks it for the Services. If not given, Kiali forwards a port of its pod. */
  readonly istiodUrl?: string;
}

const accountManifest = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: kiali, namespace: istio-system }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: kiali }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects: [{ kind: ServiceAccount, name: kiali, namespace: istio-system }]
`;

interface Kubeconfig {
  readonly 'current-context': string;
  readonly clusters: readonly { readonly name: string }[];
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string } }[];
}

/** Starts Kiali's server on a free port. It makes an account for itself in the mesh. */
export async function startKiali({ kubeconfig, prometheusUrl, istiodUrl }: KialiOptions): Promise<Kiali> {
  const tools = await installTestTools(['kiali', 'kubectl']);
  const kubectl = async (args: readonly string[], input = ''): Promise<string> => {
    const running = promisify(execFile)(path.join(tools.kubectl, 'bin/kubectl'), ['--kubeconfig', kubeconfig, ...args]);
    running.child.stdin?.end(input);
    return (await running).stdout;
  };
  await kubectl(['apply', '-f', '-'], accountManifest);
  const token = (await kubectl(['-n', 'istio-system', 'create', 'token', 'kiali'])).trim();
  const admin = parse(await kubectl(['config', 'view', '--raw', '--flatten'])) as Kubeconfig;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startLocalServer({
    name: 'Kiali',
    program: path.join(tools.kiali, 'kiali'),
    readyUrl: `${url}/healthz`,
    args(folder) {
      const account = path.join(folder, 'kubeconfig');
      const config = path.join(folder, 'kiali.yaml');
      writeFileSync(account, stringify(accountKubeconfig(admin, token)));
      const console = path.join(tools.kiali, 'console');
      writeFileSync(config, stringify(kialiConfig({ port, account, console, prometheusUrl, istiodUrl })));
      return ['-config', config];
    },
  });

  async function get(target: string): Promise<unknown> {
    const response = await fetch(`${url}/api/${target}`);
    const body = await response.text();
    if (!response.ok) throw new Error(`Kiali answers ${response.status} at ${target}: ${body}`);
    return JSON.parse(body);
  }

  return {
    url,
    get log() {
      return server.log;
    },
    async graph(namespaces, durationS) {
      const query = new URLSearchParams({
        namespaces: namespaces.join(','),
        graphType: 'versionedApp',
        duration: `${durationS}s`,
        appenders: 'deadNode,securityPolicy,serviceEntry,health',
        rateGrpc: 'requests',
        rateHttp: 'requests',
        rateTcp: 'sent',
        injectServiceNodes: 'true',
      });
      const { elements } = (await get(`namespaces/graph?${query}`)) as {
        elements: { nodes: readonly { data: GraphNode }[]; edges: readonly { data: GraphEdge }[] };
      };
      return { nodes: elements.nodes.map(({ data }) => data), edges: elements.edges.map(({ data }) => data) };
    },
    validations: async () => validationsOf((await get('istio/config?validate=true')) as IstioConfig),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Returns the kubeconfig with the account of Kiali in the place of the administrator. */
function accountKubeconfig(admin: Kubeconfig, token: string): unknown {
  const { 'current-context': current, contexts, clusters } = admin;
  const cluster = contexts.find(({ name }) => name === current)?.context.cluster;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: clusters.filter(({ name }) => name === cluster),
    users: [{ name: 'kiali', user: { token } }],
    contexts: [{ name: 'kiali', context: { cluster, user: 'kiali' } }],
    'current-context': 'kiali',
  };
}

interface ConfigOptions {
  readonly port: number;
  /** Path of the kubeconfig of Kiali's account. */
  readonly account: string;
  /** Folder of Kiali's page. */
  readonly console: string;
  readonly prometheusUrl: string;
  readonly istiodUrl: string | undefined;
}

function kialiConfig({ port, account, console, prometheusUrl, istiodUrl }: ConfigOptions): unknown {
  return {
    auth: { strategy: 'anonymous' },
    deployment: {
      cluster_wide_access: true,
      namespace: 'istio-system',
      instance_name: 'kiali',
      // Outside a pod, Kiali reads this kubeconfig instead of the files of a pod.
      remote_secret_path: account,
    },
    login_token: { signing_key: 'meshmock-kiali-0' },
    server: {
      address: '127.0.0.1',
      port,
      web_root: '/',
      static_content_root_directory: console,
      observability: { metrics: { enabled: false } },
    },
    external_services: {
      prometheus: { url: prometheusUrl },
      grafana: { enabled: false },
      tracing: { enabled: false },
      istio: {
        root_namespace: 'istio-system',
        // Kiali would look up the name of istiod, which only the mesh knows.
        url_service_version: `${istiodUrl ?? `http://127.0.0.1:${port}`}/version`,
        ...(istiodUrl === undefined ? {} : { registry: { istiod_url: istiodUrl } }),
      },
    },
    kubernetes_config: { cluster_name: 'Kubernetes' },
  };
}

interface IstioConfig {
  /** Validations by kind and by name. */
  readonly validations?: Readonly<Record<string, Readonly<Record<string, ObjectValidation>>>>;
}

interface ObjectValidation {
  readonly valid: boolean;
  readonly checks: readonly Check[] | null;
}

function validationsOf({ validations = {} }: IstioConfig): Validation[] {
  return Object.entries(validations).flatMap(([kind, objects]) =>
    Object.entries(objects).map(([name, { valid, checks }]) => ({
      object: `${kind}/${name}`,
      valid,
      checks: checks ?? [],
    })),
  );
}
