import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { formatPath } from '../../plan/format.ts';
import { type Call, defaultPorts } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import { type Case, type CaseRequest, outsideName, type WorkloadFault } from '../case.ts';
import type { MeshUnderTest, Phase } from '../mesh-under-test.ts';
import { DeferredActions } from './deferred-actions.ts';
import type { LiveEntry } from './live-entry.ts';

/** Running mesh that the cases call and do not change. */
export class LiveTestMesh implements MeshUnderTest {
  readonly routeObserver = undefined;
  private readonly entries: readonly LiveEntry[];
  private readonly phase: Phase;

  /** @param phase whether the mesh has the change of the files */
  constructor(entries: readonly LiveEntry[], phase: Phase) {
    this.entries = entries;
    this.phase = phase;
  }

  async applyPhase(): Promise<readonly string[]> {
    return [];
  }

  async coverage(): Promise<undefined> {}

  skipReason(testCase: Case, phase: Phase): string | undefined {
    if (testCase.kind === 'route')
      return 'asserted routes need a local mesh, which shows the routes that requests take: run without --entry';
    if (phase !== this.phase)
      return phase === 'before'
        ? 'the case needs a mesh without the change: run it there, with --before'
        : 'the case needs a mesh with the change: run it there, without --before';
    const { faults, then } = testCase;
    if (faults.length > 0) return 'a running mesh gets no faults: run cases with "given" without --entry';
    for (const request of [testCase, ...then.map(({ sample }) => sample)]) {
      const reason = this.requestSkipReason(request);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  private requestSkipReason({ host, from, protocol, url, data }: CaseRequest): string | undefined {
    if (data !== undefined && this.entryOf(from, protocol) === undefined)
      return `a case with data needs --entry ${from ?? 'NAME'}=URL`;
    if (url !== undefined) return 'a case with a URL needs a local mesh, which knows its gateways: run without --entry';
    if (from === outsideName && this.entryOf(from, protocol) === undefined)
      return `a case from outside needs --entry ${outsideName}=URL of a meshmock without a sidecar`;
    if (host !== undefined && this.entryOf(from, protocol) === undefined)
      return `a case with a host needs --entry ${from ?? 'NAME'}=URL`;
    return undefined;
  }

  async callRouteOf(request: CaseRequest): Promise<CallRoute> {
    const { from, protocol, method, plan, headers, host } = request;
    const entry = this.entryOf(from, protocol);
    if (entry !== undefined) {
      const { address } = entry;
      const target = { scheme: protocol, address, ...optional('authority', host), plan, path: formatPath(plan) };
      return { target, method, headers, connectTo: [] };
    }
    const mock = this.entries.find(({ name }) => name === undefined);
    if (from === undefined)
      throw new MeshmockError('usage', `no entry takes the request: add --entry ${protocol}://HOST:PORT`);
    if (mock === undefined)
      throw new MeshmockError(
        'usage',
        `no entry leads to ${from}: add --entry ${from}=URL, or --entry URL of a meshmock that can call it`,
      );
    return callViaMock({ scheme: mock.protocol, address: mock.address }, callTo(from, request), plan);
  }

  async injectFaults(faults: readonly WorkloadFault[]): Promise<AsyncDisposable> {
    if (faults.length > 0) throw new MeshmockError('internal', 'a running mesh gets no faults');
    return new DeferredActions();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  private entryOf(from: string | undefined, protocol: 'http' | 'grpc'): LiveEntry | undefined {
    return this.entries.find((entry) => entry.name === from && entry.protocol === protocol);
  }
}

/** Returns the call that a mock makes to the service that receives the request of a case. */
function callTo(host: string, { headers, method, timeoutMs, protocol: scheme }: CaseRequest): Call {
  const options = { timeoutMs, ...(method === 'GET' || scheme === 'grpc' ? {} : { method }) };
  return { scheme, host, port: defaultPorts[scheme], times: 1, headers, options, then: undefined };
}
