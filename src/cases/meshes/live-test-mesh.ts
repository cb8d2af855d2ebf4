import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatPath } from '../../plan/format.ts';
import { type Call, defaultPorts } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { Case, WorkloadFault } from '../case.ts';
import type { MeshUnderTest, Phase } from '../mesh-under-test.ts';

/** A way into a mesh that is running: a meshmock, or a gateway. */
export interface LiveEntry {
  /** The service or gateway that it is; undefined for one through which every service is reached. */
  readonly name: string | undefined;
  readonly protocol: 'http' | 'grpc';
  readonly address: { readonly host: string; readonly port: number };
}

/** A mesh that is running anyway, with manifests that are somebody else's. */
export class LiveTestMesh implements MeshUnderTest {
  private readonly entries: readonly LiveEntry[];
  private readonly phase: Phase;

  /** @param phase whether it has what the files apply */
  constructor(entries: readonly LiveEntry[], phase: Phase) {
    this.entries = entries;
    this.phase = phase;
  }

  /** Its proxies are not ours to ask. */
  get routeObserver(): undefined {
    return undefined;
  }

  /** Its manifests are not ours to change. */
  async applyPhase(): Promise<readonly string[]> {
    return [];
  }

  /** Its proxies are not ours to ask. */
  async coverage(): Promise<undefined> {}

  skipReason({ faults, host, from, protocol, asserted }: Case, phase: Phase): string | undefined {
    if (asserted !== undefined)
      return 'which route a request takes, only the proxies of a mesh made for it tell: without --entry';
    if (phase !== this.phase)
      return `it is for a mesh ${phase === 'before' ? 'without the change: run it there, with --before' : 'with the change: run it there, without --before'}`;
    if (faults.length > 0) return 'a workload of a running mesh is not made sick';
    if (host !== undefined && this.entryOf(from, protocol) === undefined)
      return `it needs --entry ${from ?? 'NAME'}=URL, for the host`;
    return undefined;
  }

  callRouteOf(testCase: Case): CallRoute {
    const { from, protocol, plan, headers, host } = testCase;
    const own = this.entryOf(from, protocol);
    if (own !== undefined) {
      const authority = host === undefined ? {} : { authority: host };
      const target = { scheme: protocol, address: own.address, ...authority, plan, path: formatPath(plan) };
      return { target, headers, connectTo: [] };
    }
    const entry = this.entries.find(({ name }) => name === undefined);
    if (from === undefined)
      throw new MeshmockError('usage', `give --entry ${protocol}://HOST:PORT: it begins over ${protocol}`);
    if (entry === undefined)
      throw new MeshmockError(
        'usage',
        `give --entry ${from}=URL, or --entry URL of a meshmock through which ${from} is called`,
      );
    return callViaMock({ scheme: entry.protocol, address: entry.address }, firstCall(testCase, from), plan);
  }

  async injectFaults(given: readonly WorkloadFault[]): Promise<AsyncDisposable> {
    if (given.length > 0) throw new MeshmockError('internal', 'a workload of a running mesh is not made sick');
    return new AsyncDisposableStack();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  private entryOf(from: string | undefined, protocol: 'http' | 'grpc'): LiveEntry | undefined {
    return this.entries.find((entry) => entry.name === from && entry.protocol === protocol);
  }
}

/** The call of the service that begins the case. */
function firstCall({ headers, method, timeoutMs, protocol: scheme }: Case, host: string): Call {
  const options = { timeoutMs, ...(method === 'GET' || scheme === 'grpc' ? {} : { method }) };
  return { scheme, host, port: defaultPorts[scheme], times: 1, headers, options, then: undefined };
}
