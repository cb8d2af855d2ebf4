import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceRules } from '../../../src/istio/network/apply-service-rules.ts';
import { hairpinChain, rejectChain, serviceChain, serviceRules } from '../../../src/istio/network/service-rules.ts';
import type { Service } from '../../../src/istio/resources/objects.ts';
import { serviceOf, sliceOf } from '../network/objects.ts';

const never = new AbortController().signal;
const two = [{ addresses: ['10.77.1.3'] }, { addresses: ['10.77.1.2'] }];
const http = [{ name: 'http', port: 80 }];

/** Returns the rules of a chain, without the chain's name and comments. */
function rulesOf(chain: string, text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`-A ${chain} `))
    .map((line) => line.replace(`-A ${chain} `, '').replace(/ -m comment --comment "[^"]*"/, ''));
}

const web = (spec: Partial<Service['spec']> = {}): Service => serviceOf('web', '10.96.0.1', { ports: http, ...spec });
const toWeb = '-d 10.96.0.1 -p tcp --dport 80';

describe('the rules of Services', () => {
  it('choose each endpoint with the same probability', () => {
    assert.deepEqual(rulesOf(serviceChain, serviceRules([web()], [sliceOf('web', two)])), [
      `${toWeb} -m statistic --mode random --probability 0.5000000000 -j DNAT --to-destination 10.77.1.2:8080`,
      `${toWeb} -j DNAT --to-destination 10.77.1.3:8080`,
    ]);
  });

  it('translate the source only for an endpoint that calls itself', () => {
    assert.deepEqual(rulesOf(hairpinChain, serviceRules([web()], [sliceOf('web', two)])), [
      '-s 10.77.1.2 -d 10.77.1.2 -j SNAT --to-source 10.77.0.1',
      '-s 10.77.1.3 -d 10.77.1.3 -j SNAT --to-source 10.77.0.1',
    ]);
  });

  it('refuse connections to a port without endpoints', () => {
    const text = serviceRules([serviceOf('web', '10.96.0.1')], [sliceOf('web', null)]);
    assert.deepEqual(rulesOf(serviceChain, text), []);
    assert.deepEqual(rulesOf(rejectChain, text), [
      '-d 10.96.0.1 -p udp --dport 53 -j REJECT --reject-with icmp-port-unreachable',
      `${toWeb} -j REJECT --reject-with tcp-reset`,
    ]);
  });

  it('use endpoints that are ready, and otherwise those that still serve while they end', () => {
    const ending = { addresses: ['10.77.1.4'], conditions: { ready: false, serving: true, terminating: true } };
    const failing = { addresses: ['10.77.1.5'], conditions: { ready: false, serving: false } };
    const targets = (endpoints: Parameters<typeof sliceOf>[1]): (string | undefined)[] =>
      rulesOf(serviceChain, serviceRules([web()], [sliceOf('web', endpoints)])).map((rule) => rule.split(' ').at(-1));
    assert.deepEqual(targets([failing, ending, ...two]), ['10.77.1.2:8080', '10.77.1.3:8080']);
    assert.deepEqual(targets([failing, ending]), ['10.77.1.4:8080']);
    assert.deepEqual(targets([failing]), []);
  });

  it('are the same for each address of a Service', () => {
    const balanced: Service = {
      ...web({ externalIPs: ['203.0.113.7'], ports: [{ name: 'http', port: 80, nodePort: 30_080 }] }),
      status: { loadBalancer: { ingress: [{ ip: '10.77.240.1' }, { hostname: 'lb.example.com' }] } },
    };
    const text = serviceRules([balanced], [sliceOf('web', two.slice(0, 1))]);
    assert.deepEqual(
      rulesOf(serviceChain, text).map((rule) => rule.split(' -j')[0]),
      [
        toWeb,
        '-d 203.0.113.7 -p tcp --dport 80',
        '-d 10.77.240.1 -p tcp --dport 80',
        '-d 10.77.0.1 -p tcp --dport 30080',
      ],
    );
  });

  it('keep a client at its endpoint if the Service has session affinity', () => {
    const sticky = web({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } });
    const first = '-m recent --name default_web_http_tcp_10.77.1.2_8080';
    const second = '-m recent --name default_web_http_tcp_10.77.1.3_8080';
    assert.deepEqual(rulesOf(serviceChain, serviceRules([sticky], [sliceOf('web', two)])), [
      `${toWeb} ${first} --update --seconds 60 --reap -j DNAT --to-destination 10.77.1.2:8080`,
      `${toWeb} ${second} --update --seconds 60 --reap -j DNAT --to-destination 10.77.1.3:8080`,
      `${toWeb} -m statistic --mode random --probability 0.5000000000 ${first} --set -j DNAT --to-destination 10.77.1.2:8080`,
      `${toWeb} ${second} --set -j DNAT --to-destination 10.77.1.3:8080`,
    ]);
  });

  it('leave out headless Services, ExternalNames and other protocols', () => {
    const others = [
      serviceOf('headless', 'None'),
      serviceOf('external', '', { type: 'ExternalName', externalName: 'example.com' }),
      serviceOf('sctp', '10.96.0.9', { ports: [{ name: 'http', port: 80, protocol: 'SCTP' }] }),
    ];
    assert.equal(serviceRules(others, [sliceOf('headless', two)]), serviceRules([], []));
  });

  it('are the same text in whatever order the objects arrive', () => {
    const services = [web(), serviceOf('api', '10.96.0.2')];
    const slices = [sliceOf('web', two), sliceOf('api', two)];
    assert.equal(serviceRules(services, slices), serviceRules(services.toReversed(), slices.toReversed()));
  });
});

describe('an update of the rules', () => {
  it('applies only the newest of the states that arrive while rules are applied', async () => {
    const applied: string[] = [];
    const finish: (() => void)[] = [];
    const rules = new ServiceRules(async (text) => {
      applied.push(text);
      await new Promise<void>((resolve) => finish.push(resolve));
    });
    const states = [web(), web({ clusterIP: '10.96.0.2' }), web({ clusterIP: '10.96.0.3' })];
    const updates = states.map((service) => rules.update([service], [], never));
    finish[0]?.();
    await Promise.race([updates[0], new Promise(setImmediate)]);
    finish[1]?.();
    await Promise.all(updates);
    assert.deepEqual(applied, [serviceRules([states[0] ?? web()], []), serviceRules([states[2] ?? web()], [])]);
  });

  it('does nothing if the rules are the same, and applies the next change', async () => {
    let count = 0;
    const rules = new ServiceRules(async () => void count++);
    for (let times = 0; times < 3; times++) await rules.update([web()], [], never);
    assert.equal(count, 1);
    await rules.update([], [], never);
    assert.equal(count, 2);
  });

  it('is tried again after an error', async () => {
    let count = 0;
    const rules = new ServiceRules(async () => {
      if (count++ === 0) throw new Error('no permission');
    });
    await assert.rejects(rules.update([web()], [], never), /no permission/);
    await rules.update([web()], [], never);
    assert.equal(count, 2);
  });
});
