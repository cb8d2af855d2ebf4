import type { ClusterView } from '../cluster/cluster-view.ts';
import type { Pod, Service } from '../resources/objects.ts';
import { servicePortSettings } from '../resources/routes.ts';
import { type PodPlan, planPod } from './pod-plan.ts';

/** Plans of pods. They are kept until a Service or the pod changes, because each event of the API asks for all of them. */
export class PodPlans {
  private readonly view: Pick<ClusterView, 'services'>;
  private services: readonly Service[] = [];
  private plans = new WeakMap<Pod, PodPlan>();
  /** Values of `--service-port` by namespace. */
  private readonly ports = new Map<string, readonly string[]>();

  constructor(view: Pick<ClusterView, 'services'>) {
    this.view = view;
  }

  /** Returns the plan of a pod. It is the same object as before if nothing has changed. */
  of(pod: Pod): PodPlan {
    const services = this.currentServices();
    const plan = this.plans.get(pod) ?? planPod(pod, services);
    this.plans.set(pod, plan);
    return plan;
  }

  /** Returns the values of `--service-port` of the mocks of a namespace. */
  servicePortsOf(namespace: string): readonly string[] {
    const services = this.currentServices();
    const ports = this.ports.get(namespace) ?? servicePortSettings(services, namespace);
    this.ports.set(namespace, ports);
    return ports;
  }

  /** Returns the Services, and forgets what depends on them if they have changed. */
  private currentServices(): readonly Service[] {
    const { services } = this.view;
    if (services === this.services) return services;
    this.services = services;
    this.plans = new WeakMap();
    this.ports.clear();
    return services;
  }
}
