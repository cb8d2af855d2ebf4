import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { FieldMutation, Site } from './field-mutation.ts';

const outsideHost = ({ number }: Site): string => `entry-${number}.example`;

interface EntrySettings {
  readonly host?: string;
  readonly address?: string;
  readonly protocol?: string;
  readonly location?: string;
  readonly more?: string;
}

function serviceEntry(site: Site, settings: EntrySettings = {}): string {
  const { host = outsideHost(site), address = 'partner', protocol = 'HTTP', location = 'MESH_EXTERNAL' } = settings;
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: entry-${site.number}, namespace: default }
spec:
  hosts: [${host}]
  location: ${location}
  resolution: DNS
  ports: [{ number: 8080, name: http, protocol: ${protocol} }]
  endpoints: [{ address: ${address}.outside.svc.cluster.local }]
  ${settings.more ?? ''}`;
}

function entry(
  field: string,
  shows: readonly DifferenceKind[],
  before: EntrySettings,
  after: EntrySettings,
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'ServiceEntry',
    field,
    needs: 'outside',
    shows,
    hosts: (site) => [outsideHost(site), `gone${site.number}.example`],
    change: (site) => ({ before: serviceEntry(site, before), after: serviceEntry(site, after) }),
    ...more,
  };
}

const serviceEntries: readonly FieldMutation[] = [
  {
    ...entry('hosts', ['refused', 'allowed', 'destination', 'status'], {}, {}),
    change: (site) => ({
      before: serviceEntry(site),
      after: serviceEntry(site, { host: `gone${site.number}.example` }),
    }),
  },
  entry('endpoints.address', ['destination'], {}, { address: 'tracker' }),
  entry('endpoints.address (unknown)', ['refused'], {}, { address: 'nobody' }),
  entry('location', ['refused', 'mtls', 'identity'], {}, { location: 'MESH_INTERNAL' }, { notCompared: /.*/ }),
  entry(
    'ports.protocol',
    ['destination', 'refused', 'request_header'],
    {},
    { protocol: 'TCP' },
    { notCompared: /example|port 8080/ },
  ),
  entry('exportTo', ['refused', 'destination', 'status', 'request_header'], {}, { more: "exportTo: ['.']" }),
];

const sidecar = (name: string, spec: string, selected = name): string => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: ${name}, namespace: default }
spec: { workloadSelector: { labels: { app: ${selected} } }, ${spec} }`;

const unreached: readonly DifferenceKind[] = [
  'refused',
  'allowed',
  'destination',
  'status',
  'mtls',
  'identity',
  'request_header',
  'answer_header',
];

/** Returns a mutation of the Sidecar of a caller. */
function ofCaller(field: string, before: (site: Site) => string, after: (site: Site) => string): FieldMutation {
  const caller = ({ callers }: Site): string => callers[1];
  return {
    kind: 'Sidecar',
    field,
    shows: unreached,
    caller,
    change: (site) => ({ before: sidecar(caller(site), before(site)), after: sidecar(caller(site), after(site)) }),
  };
}

const all = "egress: [{ hosts: ['*/*'] }]";

const sidecars: readonly FieldMutation[] = [
  ofCaller(
    'egress.hosts',
    () => all,
    ({ host }) => `egress: [{ hosts: ['*/${host}'] }]`,
  ),
  ofCaller(
    'egress.hosts (namespace)',
    () => all,
    () => "egress: [{ hosts: ['istio-system/*'] }]",
  ),
  ofCaller(
    'outboundTrafficPolicy.mode',
    () => "egress: [{ hosts: ['istio-system/*'] }], outboundTrafficPolicy: { mode: ALLOW_ANY }",
    () => "egress: [{ hosts: ['istio-system/*'] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY }",
  ),
  {
    ...ofCaller(
      'workloadSelector',
      () => '',
      () => '',
    ),
    change: ({ callers, number }) => {
      const spec = "egress: [{ hosts: ['istio-system/*'] }], outboundTrafficPolicy: { mode: REGISTRY_ONLY }";
      return { before: sidecar(callers[1], spec), after: sidecar(callers[1], spec, `nobody-${number}`) };
    },
  },
];

export const hostFields: readonly FieldMutation[] = [...serviceEntries, ...sidecars];
