import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type Answer, type DecodedPacket, decode, encode, type Packet, type RecordType } from 'dns-packet';
import { parseAllDocuments } from 'yaml';
import { answerQuery, type DnsAnswer } from '../../../src/istio/network/cluster-dns.ts';
import { type ClusterNames, ClusterRecords } from '../../../src/istio/network/cluster-records.ts';
import { startDnsServer } from '../../../src/istio/network/dns-server.ts';
import type { EndpointSlice } from '../../../src/istio/network/endpoint-slice.ts';
import type { KubeObject, Service } from '../../../src/istio/resources/objects.ts';
import { serviceOf, sliceOf } from '../network/objects.ts';

/** RFC 1035 section 4.1.1. */
const rcodeMask = 15;
const nameError = 3;

const folder = path.join(import.meta.dirname, '../network');
const objects = parseAllDocuments(readFileSync(path.join(folder, 'coredns-objects.yaml'), 'utf8')).map(
  (document) => document.toJS() as KubeObject,
);
const cluster: ClusterNames = {
  services: objects.filter(({ kind }) => kind === 'Service') as Service[],
  slices: objects.filter(({ kind }) => kind === 'EndpointSlice') as EndpointSlice[],
  namespaces: ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  externalHosts: new Map(),
};
const external = new Map([
  ['*.example.com', ['10.77.1.9']],
  ['deep.www.example.com', ['10.77.1.10', 'fd00::1']],
]);

/** Returns an answer in the format of coredns-answers.txt. */
function linesOf({ rcode, answers, authorities, additionals }: DnsAnswer): string[] {
  const section = (prefix: string, records: readonly Answer[]): string[] =>
    records.map((record) => `${prefix}${textOf(record)}`).sort();
  return [rcode, ...section('', answers), ...section('auth ', authorities), ...section('add ', additionals)];
}

function textOf(record: Answer): string {
  if (record.type === 'OPT') return 'OPT';
  const { type, name, data } = record;
  if (type === 'SOA') return `${name} SOA ${data.mname} ${data.rname}`;
  const isObject = typeof data === 'object' && !Array.isArray(data) && !Buffer.isBuffer(data);
  return `${name} ${type} ${isObject ? JSON.stringify(Object.entries(data).sort()) : data}`;
}

describe('the DNS of a cluster', () => {
  const records = new ClusterRecords(cluster);
  const expected = readFileSync(path.join(folder, 'coredns-answers.txt'), 'utf8').matchAll(
    /^([A-Z]+) (\S+)\n((?: {2}.*\n)+)/gm,
  );
  for (const [, type = '', name = '', lines = ''] of expected)
    it(`answers ${type} ${name} as CoreDNS does`, () => {
      const answer = answerQuery({ type: type as RecordType, name }, records);
      assert.deepEqual(
        linesOf(answer),
        lines
          .trimEnd()
          .split('\n')
          .map((line) => line.trim()),
      );
    });
});

describe('a host outside the cluster', () => {
  const records = new ClusterRecords({ ...cluster, externalHosts: external });
  const ask = (type: RecordType, name: string): string[] => linesOf(answerQuery({ type, name }, records));

  it('has the addresses of the longest name that matches', () => {
    assert.deepEqual(ask('A', 'www.Example.com'), ['NOERROR', 'www.Example.com A 10.77.1.9']);
    assert.deepEqual(ask('A', 'a.b.example.com'), ['NOERROR', 'a.b.example.com A 10.77.1.9']);
    assert.deepEqual(ask('A', 'deep.www.example.com'), ['NOERROR', 'deep.www.example.com A 10.77.1.10']);
    assert.deepEqual(ask('AAAA', 'deep.www.example.com'), ['NOERROR', 'deep.www.example.com AAAA fd00::1']);
  });

  it('has no other records, and an unknown host does not exist', () => {
    assert.deepEqual(ask('AAAA', 'www.example.com'), ['NOERROR', 'auth . SOA ns.dns hostmaster']);
    assert.deepEqual(ask('MX', 'www.example.com'), ['NOERROR', 'auth . SOA ns.dns hostmaster']);
    assert.deepEqual(ask('A', 'example.com'), ['NXDOMAIN', 'auth . SOA ns.dns hostmaster']);
    assert.deepEqual(ask('A', 'web.default'), ['NXDOMAIN', 'auth . SOA ns.dns hostmaster']);
  });

  it('is found through a Service of type ExternalName', () => {
    assert.deepEqual(ask('A', 'ext.default.svc.cluster.local'), [
      'NOERROR',
      'ext.default.svc.cluster.local CNAME www.example.com',
      'www.example.com A 10.77.1.9',
    ]);
  });
});

describe('the name server', () => {
  const many = new ClusterRecords({
    services: [serviceOf('many', 'None')],
    slices: [
      sliceOf(
        'many',
        Array.from({ length: 50 }, (_, index) => ({ addresses: [`10.77.1.${index + 2}`] })),
      ),
    ],
    namespaces: ['default'],
    externalHosts: new Map(),
  });
  const query: Packet = {
    type: 'query',
    id: 7,
    flags: 1 << 8,
    questions: [{ type: 'A', name: 'many.default.svc.cluster.local' }],
  };

  it('answers over UDP as much as fits, and all over TCP', async () => {
    using ended = new Ending();
    const port = await startServer(many, ended.signal);
    const plain = await askUdp(port, encode(query));
    assert.equal(plain.flag_tc, true);
    assert.equal(plain.flag_rd, true);
    assert.equal(plain.flag_aa, true);
    assert.equal(plain.id, 7);
    const count = plain.answers?.length ?? 0;
    assert.ok(count > 0 && count < 50, `${count} answers`);
    const additionals = [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0 }] as unknown as Answer[];
    const extended = await askUdp(port, encode({ ...query, additionals }));
    assert.ok((extended.answers?.length ?? 0) > count);
    assert.equal(extended.additionals?.[0]?.type, 'OPT');
    assert.equal((await askTcp(port, encode(query))).answers?.length, 50);
  });

  it('ignores messages that are not queries, and answers the next query', async () => {
    using ended = new Ending();
    const port = await startServer(new ClusterRecords(cluster), ended.signal);
    const socket = createSocket('udp4');
    for (const message of [Buffer.from('x'), Buffer.alloc(40, 0xff), encode({ ...query, type: 'response' })])
      socket.send(message, port, '127.0.0.1');
    socket.close();
    const { flags = 0 } = await askUdp(port, encode(query));
    assert.equal(flags & rcodeMask, nameError);
  });
});

/** Signal that aborts at the end of a test. */
class Ending implements Disposable {
  private readonly controller = new AbortController();
  readonly signal = this.controller.signal;

  [Symbol.dispose](): void {
    this.controller.abort();
  }
}

function startServer(records: ClusterRecords, signal: AbortSignal): Promise<number> {
  return startDnsServer({ records: () => records, address: '127.0.0.1', port: 0 }, signal);
}

async function askUdp(port: number, query: Buffer): Promise<DecodedPacket> {
  const socket = createSocket('udp4');
  socket.send(query, port, '127.0.0.1');
  const [message] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return decode(message);
}

async function askTcp(port: number, query: Buffer): Promise<DecodedPacket> {
  const socket = connect(port, '127.0.0.1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(length);
  socket.write(query);
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break;
  }
  return decode(received.subarray(2));
}
