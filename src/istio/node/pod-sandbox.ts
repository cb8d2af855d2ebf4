import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { optional } from '../../error/optional.ts';
import type { ContainerPlace } from '../control-plane/control-plane.ts';
import { hostsFile, resolvConf } from '../network/pod-files.ts';
import { createPodNetwork, killAllIn, removePodNetwork } from '../network/pod-network.ts';
import { podCommand } from '../process/program.ts';
import type { StartSlots } from '../process/start-slots.ts';
import { hasUsersTo } from '../process/user-namespace.ts';
import { entryName } from '../resources/entry-names.ts';
import type { Container, DataKind, Labels } from '../resources/objects.ts';
import { resourceField } from '../resources/resource-field.ts';
import type { InterceptionRules } from './interception.ts';
import { containerEnv, type EnvSources } from './mock/container-env.ts';
import { echoFormOf } from './mock/echo-image.ts';
import { podField } from './pod-fields.ts';
import type { PodPlan } from './pod-plan.ts';
import { contentsOfVolumes, missingVolumeSources, type VolumeSources, writeVolumes } from './pod-volumes.ts';
import type { ContainerProcess, ProxyImage } from './proxy-process.ts';

/** Facts and sources that all pods of a node share. */
export interface NodeContext {
  readonly image: ProxyImage & { readonly istiod: string };
  /** Folder of the mesh, which the proxy's user can read. */
  readonly folder: string;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  readonly slots: StartSlots;
  readonly interceptionRules: InterceptionRules;
  /** Returns the values of `--service-port` of a pod's mock. */
  servicePortsOf(plan: PodPlan): readonly string[];
  /** Returns the values of a ConfigMap or Secret for variables. */
  data(kind: DataKind, name: string, namespace: string): Labels | undefined;
  /** Returns the values of a ConfigMap or Secret for files. */
  files(kind: DataKind, name: string, namespace: string): Readonly<Record<string, string | Buffer>> | undefined;
  token(plan: PodPlan, audience: string | undefined, expirationSeconds: number): Promise<string>;
  /** Waits until a condition about the objects of the API holds. */
  waitUntil(holds: () => boolean, signal: AbortSignal): Promise<void>;
  /** Returns the text of a kubeconfig that uses a file with a token. */
  kubeconfig(tokenFile: string): string;
}

/**
 * Lowest user of a pod's proxy. Each pod has its own user, where containers have 1337: the kernel limits the inotify
 * instances of a user, and two for each proxy would be too many (inotify(7), `max_user_instances`).
 */
const lowestUid = 1_337_000;
/** User of all proxies where no such users exist, as in the user namespace of an ordinary user. */
const sharedUid = 1337;
const endTimeoutMs = 2000;
const maxLogName = 200;

/** Place in which the programs of a pod run: its network, its files, and the environments of its containers. */
export class PodSandbox {
  private readonly plan: PodPlan;
  readonly address: string;
  /** Name of the pod's network namespace, and of its link at the node. */
  readonly link: string;
  /** User of the pod's proxy. */
  private readonly uid: number;
  private readonly context: NodeContext;

  constructor(plan: PodPlan, address: string, context: NodeContext) {
    this.plan = plan;
    this.address = address;
    this.context = context;
    const [, , third, fourth] = address.split('.');
    this.link = `pod-${third}-${fourth}`;
    this.uid = proxyUser(address);
  }

  /** Creates the network of the pod, and redirects its traffic if an init container of Istio says so. */
  async create(signal: AbortSignal): Promise<void> {
    const { plan, address, link, etc, uid, context } = this;
    const { name, namespace, spec, programs } = plan;
    const resolver = resolvConf(namespace, spec);
    await mkdir(etc, { recursive: true });
    await writeFile(path.join(etc, 'resolv.conf'), resolver);
    await writeFile(path.join(etc, 'hosts'), hostsFile({ hostname: name, ...spec, address, namespace }));
    const createNetwork = (rules: string | undefined): Promise<void> =>
      createPodNetwork({ name: link, link, address, ...optional('rules', rules) }, signal);
    const container = programs.interception;
    if (container === undefined) return createNetwork(undefined);
    const env = { PATH: process.env.PATH, ...this.envOf(container) };
    const { pilotAgent } = context.image;
    const settings = { container, env, pilotAgent, uid, namespace: link, address, etc, resolvConf: resolver };
    await context.interceptionRules.apply(settings, createNetwork, signal);
  }

  /**
   * Writes the files of a container's volumes, as soon as their sources exist.
   *
   * @param onMissing called with the sources that do not exist yet, and with nothing when all exist
   */
  async writeVolumes(
    container: Container,
    onMissing: (missing: readonly string[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { context, volumeSources: sources } = this;
    const options = { pod: this.withAddress, container, root: this.rootOf(container), uid: this.uid };
    const missing = missingVolumeSources(options, sources);
    if (missing.length > 0) onMissing(missing);
    await context.waitUntil(() => missingVolumeSources(options, sources).length === 0, signal);
    if (missing.length > 0) onMissing([]);
    // The sockets of the proxy for its keys are open to every user who reaches them.
    await mkdir(options.root, { recursive: true, mode: 0o700 });
    await writeVolumes(options, sources);
  }

  /** Returns a text that changes with the ConfigMaps and Secrets of a container's volumes. */
  contentsOf(container: Container): string {
    return contentsOfVolumes({ pod: this.withAddress, container }, this.volumeSources);
  }

  /** Waits until the volumes of a container have other contents, and returns these. */
  async waitForOtherContents(container: Container, known: string, signal: AbortSignal): Promise<string> {
    await this.context.waitUntil(() => this.contentsOf(container) !== known, signal);
    return this.contentsOf(container);
  }

  private get volumeSources(): VolumeSources {
    const { context, plan } = this;
    return {
      files: (kind, name) => context.files(kind, name, plan.namespace),
      token: (audience, seconds) => context.token(plan, audience, seconds),
    };
  }

  /** Returns the settings with which a container's program starts. */
  processOf(container: Container, log: string): ContainerProcess {
    const { link: namespace, etc, uid } = this;
    return { container, env: this.envOf(container), namespace, etc, root: this.rootOf(container), uid, log };
  }

  /** Returns the sources of a container's environment variables. */
  envSources(container: Container): EnvSources {
    const { context, plan, withAddress } = this;
    return {
      field: (name) => podField(withAddress, name),
      resource: (reference) => resourceField(container, reference),
      data: (kind, name) => context.data(kind, name, plan.namespace),
    };
  }

  /** Returns the environment variables of a container. */
  envOf(container: Container): Record<string, string> {
    return containerEnv(container, this.envSources(container));
  }

  /** Returns the place of a container, or of the pod if no container is named. */
  placeOf(container: string | undefined): ContainerPlace {
    const { proxy, istiod } = this.plan.programs;
    const program = container === proxy?.name ? 'proxy' : container === istiod?.name ? 'istiod' : 'app';
    const exec = podCommand({ namespace: this.link, etc: this.etc }, this.environmentOf(container));
    return { netns: this.link, ...(container === undefined ? {} : { log: this.logOf(program), exec }) };
  }

  /** Returns the path of a log, such as `POD.proxy.log`, or `POD.NAMESPACE.proxy.log` outside of `default`. */
  logOf(program: 'app' | 'proxy' | 'istiod'): string {
    const { name, namespace } = this.plan;
    const entry = entryName(name, namespace);
    // A name of 253 letters leaves no room for the ending in the name of a file.
    const unique = entry.length > maxLogName ? `${entry.slice(0, maxLogName)}-${this.link}` : entry;
    return path.join(this.context.folder, 'logs', `${unique}.${program}.log`);
  }

  /** Removes the files and the network, and ends all programs that still run in it. */
  async remove(): Promise<void> {
    const { link } = this;
    await killAllIn(link, AbortSignal.timeout(endTimeoutMs)).catch(() => {});
    await rm(this.folder, { recursive: true, force: true });
    await removePodNetwork({ name: link, link }, AbortSignal.timeout(endTimeoutMs)).catch(() => {
      // The namespace was not created, or it is gone with the mounts of a mesh that ends.
    });
  }

  /** Returns the folder that has the role of a container's root. */
  rootOf(container: Container): string {
    return path.join(this.folder, container.name);
  }

  /** Folder with the pod's files in /etc. */
  get etc(): string {
    return path.join(this.folder, 'etc');
  }

  private get folder(): string {
    return path.join(this.context.folder, 'pods', this.link);
  }

  private get withAddress(): { readonly plan: PodPlan; readonly address: string } {
    return { plan: this.plan, address: this.address };
  }

  /** Returns the command line that gives a command in a container its environment. */
  private environmentOf(container: string | undefined): string[] {
    const { proxy, mocked } = this.plan.programs;
    const replaced = mocked.find(({ name }) => name === container);
    const isEcho = replaced !== undefined && echoFormOf(replaced) === 'istio-echo';
    // Istio's images have these programs in the path: pilot-agent, and the client with which tests call from an echo.
    if (!isEcho && (container === undefined || container !== proxy?.name)) return [];
    return ['env', `PATH=${path.dirname(this.context.image.pilotAgent)}:${process.env.PATH ?? ''}`];
  }
}

/** Returns the user of a pod's proxy. */
function proxyUser(podAddress: string): number {
  const [, , third, fourth] = podAddress.split('.').map(Number);
  const own = lowestUid + 256 * (third ?? 0) + (fourth ?? 0);
  return hasUsersTo(own) ? own : sharedUid;
}
