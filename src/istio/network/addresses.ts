import { MeshmockError } from '../../error/meshmock-error.ts';

/** Address of the node. It is on the loopback interface of the mesh's root namespace, and hostNetwork pods have it. */
export const nodeAddress = '10.77.0.1';
/** Address of the name server that the machine of a node has. It knows no names of the cluster. */
export const nodeResolverAddress = '10.77.0.4';
export const istiodAddress = '10.77.0.2';
export const jaegerAddress = '10.77.0.3';

/** OTLP endpoint to which the mocks of a local mesh send their spans. */
export const collectorEndpoint = `http://${jaegerAddress}:4318`;

/** Network of the addresses of Services. The API server allocates from its first half, and load balancers have the rest. */
export const serviceNetwork = '10.96.0.0/15';

/** Returns the address of a Service's load balancer, which no other Service has. */
export function loadBalancerAddress(clusterIp: string): string {
  return clusterIp.replace('10.96.', '10.97.');
}

/** 10.77.1.2, as a number without the first two parts. */
const first = 256 + 2;
/** 10.77.255.254. */
const last = 255 * 256 + 254;

/** Duration for which a released address is not used again, because peers may still have connections to it. */
const quarantineMs = 60_000;

/** Allocator of the addresses of pods: 10.77.1.2 to 10.77.255.254. */
export class PodAddresses {
  private readonly used = new Set<string>();
  private readonly releasedMs = new Map<string, number>();
  private next = first;
  private readonly nowMs: () => number;

  /** @param nowMs clock in milliseconds, for tests */
  constructor(nowMs: () => number = () => performance.now()) {
    this.nowMs = nowMs;
  }

  /**
   * Allocates an address that no pod had within the last minute.
   *
   * @throws MeshmockError `machine` if all addresses are in use
   * @example const address = addresses.allocate()
   */
  allocate(): string {
    for (let tries = first; tries <= last; tries++) {
      const address = addressOf(this.next);
      this.next = this.next === last ? first : this.next + 1;
      if (address === undefined || this.used.has(address) || this.isInQuarantine(address)) continue;
      return this.take(address);
    }
    throw new MeshmockError('machine', 'all addresses of pods are in use: run fewer pods');
  }

  /**
   * Allocates this address, even if a pod had it a moment ago.
   *
   * @throws MeshmockError `conflict` if another pod has it
   */
  take(address: string): string {
    if (this.used.has(address)) throw new MeshmockError('conflict', `another pod has the address ${address}`);
    this.used.add(address);
    this.releasedMs.delete(address);
    return address;
  }

  /** Releases an address. An address that is not in use is ignored, such as the node's. */
  release(address: string): void {
    if (this.used.delete(address)) this.releasedMs.set(address, this.nowMs());
  }

  private isInQuarantine(address: string): boolean {
    const releasedMs = this.releasedMs.get(address);
    return releasedMs !== undefined && this.nowMs() - releasedMs < quarantineMs;
  }
}

/** Returns the address of a number, or undefined for the first and the last number of 256. */
function addressOf(number: number): string | undefined {
  const lowest = number % 256;
  return lowest === 0 || lowest === 255 ? undefined : `10.77.${Math.floor(number / 256)}.${lowest}`;
}
