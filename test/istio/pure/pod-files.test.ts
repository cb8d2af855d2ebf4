import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PodAddresses } from '../../../src/istio/network/addresses.ts';
import { hostsFile, resolvConf } from '../../../src/istio/network/pod-files.ts';

const clusterSearch = 'search shop.svc.cluster.local svc.cluster.local cluster.local\n';

describe('resolv.conf of a pod', () => {
  it('searches the namespaces of the cluster', () => {
    assert.equal(resolvConf('shop', {}), `${clusterSearch}nameserver 10.77.0.1\noptions ndots:5\n`);
  });

  it('has no search path for the policy Default, and for ClusterFirst on the network of the node', () => {
    assert.equal(resolvConf('shop', { dnsPolicy: 'Default' }), 'nameserver 10.77.0.4\n');
    assert.equal(resolvConf('shop', { dnsPolicy: 'ClusterFirst', hostNetwork: true }), 'nameserver 10.77.0.4\n');
    assert.ok(
      resolvConf('shop', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }).startsWith(clusterSearch),
    );
  });

  it('merges the settings of the pod', () => {
    const dnsConfig = {
      nameservers: ['192.0.2.1', '10.77.0.1'],
      searches: ['example.com', 'cluster.local'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    };
    assert.equal(
      resolvConf('shop', { dnsConfig }),
      `${clusterSearch.trimEnd()} example.com\nnameserver 10.77.0.1\nnameserver 192.0.2.1\noptions ndots:2 edns0\n`,
    );
    assert.equal(
      resolvConf('shop', { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } }),
      'nameserver 192.0.2.1\n',
    );
  });
});

describe('the hosts file of a pod', () => {
  const pod = { address: '10.77.1.2', hostname: 'web-0', namespace: 'shop' };

  it('names the pod, with the name of its subdomain', () => {
    assert.match(hostsFile(pod), /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
    assert.match(hostsFile(pod), /\n10\.77\.1\.2\tweb-0\n$/);
    assert.match(
      hostsFile({ ...pod, subdomain: 'web' }),
      /\n10\.77\.1\.2\tweb-0\.web\.shop\.svc\.cluster\.local\tweb-0\n$/,
    );
  });

  it('has the aliases of the pod', () => {
    const hostAliases = [{ ip: '192.0.2.1', hostnames: ['a.example.com', 'b.example.com'] }];
    assert.ok(
      hostsFile({ ...pod, hostAliases }).endsWith(
        '\n\n# Entries added by HostAliases.\n192.0.2.1\ta.example.com\tb.example.com\n',
      ),
    );
  });
});

describe('addresses of pods', () => {
  it('are different, and end before those of load balancers', () => {
    const addresses = new PodAddresses();
    const all = Array.from({ length: 255 * 254 - 1 }, () => addresses.allocate());
    assert.equal(new Set(all).size, all.length);
    assert.equal(all[0], '10.77.1.2');
    assert.equal(all.at(-1), '10.77.255.254');
    assert.throws(() => addresses.allocate(), { code: 'machine' });
  });

  it('are used again a minute after their release, or if asked for', () => {
    let nowMs = 0;
    const addresses = new PodAddresses(() => nowMs);
    const all = Array.from({ length: 255 * 254 - 1 }, () => addresses.allocate());
    addresses.release(all[5] ?? '');
    assert.throws(() => addresses.allocate(), { code: 'machine' });
    nowMs = 60_000;
    assert.equal(addresses.allocate(), all[5]);
    addresses.release('10.77.1.2');
    assert.equal(addresses.take('10.77.1.2'), '10.77.1.2');
    assert.throws(() => addresses.take('10.77.1.2'), { code: 'conflict' });
  });
});
