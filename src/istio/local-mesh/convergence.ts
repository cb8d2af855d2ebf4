import { MeshmockError } from '../../error/meshmock-error.ts';
import type { AppliedObject } from '../apply/apply-all.ts';
import type { ClusterNetwork } from '../cluster/cluster-network.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { servicesApplied } from '../network/node-services.ts';
import type { MeshNode } from '../node/mesh-node.ts';
import { concernsIngresses, isIngress } from '../resources/ingresses.ts';
import type { ImplicitObjects } from './implicit-objects.ts';
import { isMeshConfigMap, type MeshConfiguration } from './mesh-configuration.ts';
import type { OwnObjects } from './own-objects.ts';
import { failedWorkloads, pendingRollout } from './rollout.ts';
import type { IstiodApi, IstiodCounts } from './sync/istiod-api.ts';
import { waitUntilEndpointsRead, waitUntilRead } from './sync/read-by-istiod.ts';
import { isCountedByIstiod, waitForSync } from './sync/wait-for-sync.ts';

/** Parts of a local mesh that follow the objects of the API. */
interface FollowingParts {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly node: MeshNode;
  readonly network: ClusterNetwork;
  readonly istiod: IstiodApi;
  readonly configuration: MeshConfiguration;
  readonly implicitObjects: ImplicitObjects;
  readonly ownObjects: OwnObjects;
}

/** Wait until changes are in effect: pods run, endpoints are known, and proxies have their configuration. */
export class Convergence {
  private readonly parts: FollowingParts;

  constructor(parts: FollowingParts) {
    this.parts = parts;
  }

  /**
   * Waits until applied or deleted objects are in effect.
   *
   * @param before counts of istiod from before the change
   * @returns warnings
   */
  async afterChange(before: IstiodCounts, objects: readonly AppliedObject[], signal: AbortSignal): Promise<string[]> {
    const { view } = this.parts;
    await view.waitUntil(() => objects.every((one) => view.hasSeen(one)), signal);
    return this.settle(before, objects, signal);
  }

  /**
   * Waits until everything is in effect that any program, such as kubectl, has applied or deleted so far.
   *
   * @returns warnings
   */
  async ofEverything(signal: AbortSignal): Promise<string[]> {
    const { client, view, node, istiod, configuration, ownObjects } = this.parts;
    await view.catchUp(signal);
    const notes = await this.settlePods(signal);
    const { warnings } = await configuration.inEffect(client, istiod, signal);
    await ownObjects.follow(signal);
    const unread = await waitUntilRead(client, view, istiod, signal);
    await waitUntilEndpointsRead(view, istiod, signal);
    const before = await istiod.counts(signal);
    await waitForSync(istiod, { before, changes: 0, proxies: node.proxies, idleMs: foreignIdleMs }, signal);
    await servicesApplied(signal);
    return [...notes, ...warnings, ...unread.map((name) => `istiod ignores ${name}: ${otherRevision}`)];
  }

  /** Waits until the revert of a change is in effect. */
  async afterRevert(before: IstiodCounts, objects: readonly AppliedObject[], signal: AbortSignal): Promise<void> {
    const { view } = this.parts;
    await view.waitUntil(() => objects.every((one) => view.hasSeenRevert(one)), signal);
    await this.settle(before, objects, signal);
  }

  private async settle(
    before: IstiodCounts,
    objects: readonly AppliedObject[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const { client, view, node, istiod, configuration, ownObjects } = this.parts;
    const notes = await this.settlePods(signal);
    const changed = objects.filter(({ change }) => change !== 'unchanged' && change !== 'not found');
    const counted = changed.filter(({ object }) => isCountedByIstiod(object));
    const config = changed.some(({ object }) => isMeshConfigMap(object))
      ? await configuration.inEffect(client, istiod, signal)
      : { isChanged: false, warnings: [] };
    await ownObjects.follow(signal);
    const ingress = view.ingressContext;
    // An Ingress may have been one of Istio's before its change.
    const hasIngress = changed.some(
      ({ object, change }) => concernsIngresses(object, ingress) || (change !== 'created' && isIngress(object)),
    );
    const pending = {
      before,
      changes: counted.length,
      hasOtherPush: config.isChanged || hasIngress,
      proxies: node.proxies,
    };
    if (changed.length > 0) await waitUntilEndpointsRead(view, istiod, signal);
    const isComplete = changed.length === 0 || (await waitForSync(istiod, pending, signal));
    // Pods without a sidecar use the rules and the names.
    await servicesApplied(signal);
    const all = [...notes, ...config.warnings];
    return isComplete ? all : [...all, `istiod ignores some of these objects: ${otherRevision}`];
  }

  /**
   * Waits until the pods of all workloads run, and the network of the node knows them.
   *
   * @returns warnings
   */
  private async settlePods(signal: AbortSignal): Promise<string[]> {
    const { view, implicitObjects, network } = this.parts;
    const notes = await implicitObjects.update(signal);
    await view.waitUntil(() => implicitObjects.areSeen, signal);
    await this.rolledOut(signal);
    await network.hostsServed(signal);
    return notes;
  }

  /** Waits until the pods of all workloads are ready, and endpoints and gateways are current. */
  private async rolledOut(signal: AbortSignal): Promise<void> {
    const { view, node } = this.parts;
    const pending = (): string[] => {
      const { workloads, pods, services, accounts, slices, apiGateways: gateways } = view;
      return [
        ...pendingRollout({ workloads, pods, services, accounts, slices, gateways }),
        ...(node.isSettled ? [] : ['pods are not ready']),
      ];
    };
    const failures = (): string[] => [...node.capacityProblem(), ...failedWorkloads(view.workloads), ...node.problems];
    await view.waitUntil(() => failures().length > 0 || pending().length === 0, signal);
    const [failure] = failures();
    if (failure !== undefined) throw new MeshmockError('unavailable', failure);
  }
}

/** Reason for which istiod may ignore an object. */
const otherRevision = 'the label istio.io/rev may name another revision';

/** Time for which istiod must have been idle after changes of other programs, in milliseconds. */
const foreignIdleMs = 100;
