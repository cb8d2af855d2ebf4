import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ManifestSource } from '../../../src/istio/resources/manifest.ts';
import { istioSamples } from '../../istio/local-mesh.ts';
import { gatewayApiCases } from '../../istio/samples/bookinfo-gateway-api.ts';
import { networkingCases } from '../../istio/samples/bookinfo-networking.ts';
import { smallSampleCases } from '../../istio/samples/small-samples.ts';
import { equalForms, splitUp } from './equal-forms.ts';
import type { SnapshotPair } from './pairs.ts';

/** Returns pairs of Istio's samples, each with the same in other forms. */
export async function samplePairs(): Promise<SnapshotPair[]> {
  const samples = await istioSamples();
  const read = (file: string | ManifestSource): ManifestSource =>
    typeof file === 'string' ? { name: file, text: readFileSync(path.join(samples, file), 'utf8') } : file;
  const bookinfo = read('bookinfo/platform/kube/bookinfo.yaml');
  const pair = (name: string, before: readonly ManifestSource[], after: readonly ManifestSource[]): SnapshotPair => ({
    name: `sample ${name}`,
    group: 'samples',
    before,
    after,
    expected: undefined,
    meshConfig: undefined,
    namespace: 'default',
  });
  const cases = [...networkingCases, ...gatewayApiCases, ...smallSampleCases];
  const ofCases = cases.flatMap(({ title, files, given = [] }) => {
    const before = [bookinfo, ...[...given, ...files].map(read)];
    const name = `${files.map((file) => path.basename(file)).join(', ')} (${title})`;
    return equalForms(before).map(({ form, sources }) => pair(`${name}: ${form}`, before, sources));
  });
  const [regex, same] = regexPair.map((text) => [bookinfo, { name: 'regex.yaml', text }]);
  const hosts = [bookinfo, { name: 'hosts.yaml', text: severalHosts }];
  return [
    ...ofCases,
    pair('of two hosts, split up', hosts, hosts.map(splitUp)),
    pair('equivalent regular expressions', regex ?? [], same ?? []),
  ];
}

const regexPair = [
  ["'/a|/b'", "'v[0-9]'"],
  ["'/(a|b)'", "'v[0123456789]'"],
].map(
  ([path, version]) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - match: [{ uri: { regex: ${path} }, headers: { x-build: { regex: ${version} } } }]
      directResponse: { status: 418, body: { string: teapot } }
    - route: [{ destination: { host: reviews } }]`,
);

const severalHosts = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: two }
spec:
  hosts: [ratings, details]
  http:
    - match: [{ uri: { prefix: /closed } }]
      fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }
      route: [{ destination: { host: details } }]
    - timeout: 2s
      route: [{ destination: { host: details } }]`;
