import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { type KeyPair, makeCertificate } from '../../src/tls/certificate.ts';
import { callHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { Certificates } from './certificates.ts';

const address = { host: '127.0.0.1', port: 0 };

/** Contents of a Secret. */
type Contents = Readonly<Record<string, string>>;

/** Volume of a Secret, as kubelet writes it: files that are links into a folder, which is a link too. */
class SecretVolume {
  private readonly folder: string;
  private writes = 0;

  constructor(folder: string, contents: Contents) {
    this.folder = folder;
    mkdirSync(folder);
    for (const name of Object.keys(contents)) symlinkSync(`..data/${name}`, path.join(folder, name));
    this.write(contents);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** Replaces all files at once. */
  write(contents: Contents): void {
    const version = `..version-${++this.writes}`;
    mkdirSync(path.join(this.folder, version));
    for (const [name, content] of Object.entries(contents))
      writeFileSync(path.join(this.folder, version, name), content);
    symlinkSync(version, path.join(this.folder, '..data_tmp'));
    renameSync(path.join(this.folder, '..data_tmp'), path.join(this.folder, '..data'));
    rmSync(path.join(this.folder, `..version-${this.writes - 1}`), { recursive: true, force: true });
  }
}

/** Waits until a condition holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < end, 'the condition never held');
    await sleep(20);
  }
}

suite('a service whose files of TLS change', () => {
  const certificates = new Certificates();
  const authority = (subject: string): KeyPair & { readonly subject: string } => ({
    ...makeCertificate({ subject, names: [] }),
    subject,
  });
  const [first, second] = [authority('first'), authority('second')];
  const secretOf = (issuer: typeof first, name: string): Contents => {
    const { cert, key } = makeCertificate({ subject: name, names: [name], issuer });
    return { 'tls.crt': cert, 'tls.key': key, 'ca.crt': issuer.cert };
  };
  let mesh: TestMesh;
  let web: SecretVolume;
  let caller: SecretVolume;
  before(async () => {
    web = new SecretVolume(path.join(certificates.folder, 'web'), secretOf(first, 'web'));
    caller = new SecretVolume(path.join(certificates.folder, 'caller'), secretOf(first, 'caller'));
    const filesOf = (volume: SecretVolume) => ({ cert: volume.file('tls.crt'), key: volume.file('tls.key') });
    mesh = await startMesh([
      {
        name: 'web',
        tls: { ...filesOf(web), clientCa: web.file('ca.crt'), addresses: [address], isInsecure: false },
      },
      { name: 'caller', tls: { ...filesOf(caller), ca: caller.file('ca.crt'), addresses: [], isInsecure: false } },
    ]);
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    certificates[Symbol.dispose]();
  });

  /** Returns the serial number of the certificate that the service shows on a new connection. */
  async function shownSerial(): Promise<string> {
    const socket = tls.connect({ host: '127.0.0.1', port: mesh.tlsPort('web'), rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  /** Writes a Secret, and waits until its service has read it. */
  async function replace(volume: SecretVolume, contents: Contents): Promise<string | undefined> {
    const before = mesh.tlsFiles.length;
    volume.write(contents);
    await until(() => mesh.tlsFiles.length > before);
    return mesh.tlsFiles.at(-1);
  }

  test('shows the new certificate to new connections, and keeps those that are open', async () => {
    const old = await shownSerial();
    const open = tls.connect({
      host: '127.0.0.1',
      port: mesh.tlsPort('web'),
      ca: first.cert,
      servername: 'web',
      ...(() => {
        const { cert, key } = makeCertificate({ subject: 'client', names: ['client'], issuer: first });
        return { cert, key };
      })(),
    });
    await once(open, 'secureConnect');
    assert.equal(await replace(web, secretOf(first, 'web')), undefined);
    assert.notEqual(await shownSerial(), old);
    open.write('GET /x HTTP/1.1\r\nhost: web\r\n\r\n');
    const [answer] = (await once(open, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    open.destroy();
  });

  test('reports files that cannot be used once, and keeps the old ones', async () => {
    const kept = await shownSerial();
    const good = secretOf(first, 'web');
    const count = mesh.tlsFiles.length;
    for (const [problem, wrong] of [
      [
        /--tls-cert .*, --tls-key .*key values mismatch/i,
        { ...good, 'tls.key': secretOf(first, 'web')['tls.key'] ?? '' },
      ],
      [/--tls-cert .*tls\.crt, --tls-key/, { ...good, 'tls.crt': 'nothing' }],
      [/--tls-client-ca .*ca\.crt: this is not a certificate/, { ...good, 'ca.crt': '' }],
    ] as const) {
      assert.match((await replace(web, wrong)) ?? '', problem);
      assert.equal(await shownSerial(), kept);
    }
    await sleep(2500);
    assert.equal(mesh.tlsFiles.length, count + 3);
    assert.equal(await replace(web, good), undefined);
    assert.notEqual(await shownSerial(), kept);
  });

  test('does not report files that are written one after another', async () => {
    const count = mesh.tlsFiles.length;
    const kept = await shownSerial();
    const other = secretOf(first, 'web');
    writeFileSync(web.file('tls.crt'), other['tls.crt'] ?? '');
    await sleep(100);
    writeFileSync(web.file('tls.key'), other['tls.key'] ?? '');
    await until(async () => (await shownSerial()) !== kept);
    assert.deepEqual(mesh.tlsFiles.slice(count), [undefined]);
  });

  test('trusts other authorities at both ends, and shows its new certificate on the next connection of its calls', async () => {
    // Calls go through this, so that the test can end their connections.
    const relayed = new Set<net.Socket>();
    const relay = net.createServer((socket) => {
      const onward = net.connect(mesh.tlsPort('web'), '127.0.0.1');
      for (const one of [socket, onward]) relayed.add(one.on('error', () => {}));
      socket.pipe(onward).pipe(socket);
    });
    await once(relay.listen(0, '127.0.0.1'), 'listening');
    const { port } = relay.address() as AddressInfo;
    const targets = ['https:web', 'https:web;http2', 'grpcs:web', 'wss:web'];
    const path = `/@${targets.map((target) => target.replace('web', `web:${port}`)).join('|')}/x`;
    mesh.dialler.add({ host: 'web', port: String(port), toHost: '127.0.0.1', toPort: String(port) });
    const statuses = async (): Promise<string> => {
      for (const socket of relayed) socket.destroy();
      relayed.clear();
      await sleep(50);
      const { calls = [] } = await callHttp(mesh.httpPort('caller'), path);
      return calls.map(({ status, error }) => error?.code ?? String(status)).join(' ');
    };
    assert.equal(await statuses(), '200 200 200 200');
    assert.equal(await replace(web, secretOf(second, 'web')), undefined);
    assert.equal(await statuses(), 'tls tls tls tls');
    assert.equal(await replace(caller, secretOf(second, 'caller')), undefined);
    assert.equal(await statuses(), '200 200 200 200');
    relay.close();
    for (const socket of relayed) socket.destroy();
  });
});
