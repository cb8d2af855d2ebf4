import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { echoFormOf, echoPortsOf } from '../../../src/istio/node/mock/echo-image.ts';
import { settingsOfImages } from '../../../src/istio/node/mock/mock-container.ts';
import type { Container } from '../../../src/istio/resources/objects.ts';
import { portsOf } from '../../../src/istio/resources/ports.ts';

const basicImage = 'registry.k8s.io/gateway-api/echo-basic:v1.5.1';
const istioImage = 'registry.k8s.io/gateway-api/echo-advanced:v1.5.1';

describe('the image of an echo server', () => {
  for (const [image, form] of [
    [basicImage, 'echo-basic'],
    ['echo-basic', 'echo-basic'],
    ['host:5000/echo-basic@sha256:0123', 'echo-basic'],
    [istioImage, 'istio-echo'],
    ['docker.io/istio/app:1.31', 'istio-echo'],
    ['gcr.io/istio-testing/app:latest', 'istio-echo'],
    ['example.com/shop/app:1', undefined],
    ['example.com/my-echo-basic', undefined],
    ['example.com/echo-basic/other', undefined],
    [undefined, undefined],
  ] as const)
    it(`${image} has the form ${form}`, () => {
      assert.equal(echoFormOf({ name: 'c', ...(image === undefined ? {} : { image }) }), form);
    });

  it('gives a mock its form, and another image gives none', () => {
    const settings = (image: string) => settingsOfImages({ containers: [{ name: 'c', image }] });
    assert.deepEqual(settings(basicImage), { args: ['--reply-form=echo-basic'], env: {} });
    assert.deepEqual(settings('nginx'), { args: [], env: {} });
  });
});

describe('the ports of an echo server', () => {
  const basic = (...env: [name: string, value: string][]): Container => ({
    name: 'c',
    image: basicImage,
    env: env.map(([name, value]) => ({ name, value })),
  });
  const served = (container: Container) =>
    echoPortsOf(container).map(({ port, protocol, name }) => `${port} ${protocol === 'other' ? name : protocol}`);

  it('of echo-basic follow from its variables', () => {
    assert.deepEqual(served(basic()), ['3000 http', '3001 http']);
    assert.deepEqual(served(basic(['TLS_SERVER_CERT', '/crt'])), ['3000 http', '3001 http', '8443 tls']);
    assert.deepEqual(served(basic(['HTTP_PORT', '3002'])), ['3002 http', '3001 http']);
    assert.deepEqual(served(basic(['GRPC_ECHO_SERVER', '1'])), ['3000 grpc']);
    assert.deepEqual(served(basic(['TCP_ECHO_SERVER', '1'])), ['3000 tcp']);
    assert.deepEqual(served(basic(['UDP_ECHO_SERVER', '1'])), []);
  });

  it("of Istio's echo follow from its arguments", () => {
    const istio = (...args: string[]): Container => ({ name: 'c', image: istioImage, args });
    assert.deepEqual(served(istio()), ['8080 http', '7070 grpc', '9090 tcp']);
    const args = ['--tcp=9090', '--port=8080', '--grpc', '7071,7072', '--port=8443', '--tls=8443'];
    assert.deepEqual(served(istio(...args)), ['8080 http', '8443 tls', '7071 grpc', '7072 grpc', '9090 tcp']);
  });

  it('decide the protocol of a port that a Service names', () => {
    const pod = { containers: [basic(['GRPC_ECHO_SERVER', '1'])] };
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { ports: [{ port: 8080, targetPort: 3000, appProtocol: 'kubernetes.io/h2c' }] },
    };
    assert.deepEqual(portsOf(pod, [service]).grpc, []);
    const { http, grpc, notServed } = portsOf(pod, [service], pod.containers.flatMap(echoPortsOf));
    assert.deepEqual([http, grpc, notServed], [[], [3000], []]);
  });
});
