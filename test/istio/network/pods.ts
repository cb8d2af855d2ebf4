import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { hostsFile, resolvConf } from '../../../src/istio/network/pod-files.ts';
import { createPodNetwork, killAllIn, removePodNetwork } from '../../../src/istio/network/pod-network.ts';
import { podCommand } from '../../../src/istio/process/program.ts';

export const never: AbortSignal = new AbortController().signal;

/** Pod of a test: a network and a server that answers with the pod's name and the address of its caller. */
export class TestPod implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  private readonly link: string;
  /** Folder with the pod's files in /etc. */
  private readonly etc: string;

  private constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
    this.link = `to-${name}`;
    this.etc = mkdtempSync(path.join(tmpdir(), 'meshmock-test-'));
    writeFileSync(path.join(this.etc, 'resolv.conf'), resolvConf('default', {}));
    writeFileSync(path.join(this.etc, 'hosts'), hostsFile({ address, hostname: name, namespace: 'default' }));
  }

  /** Starts a pod that listens on TCP port 8080 and UDP port 5353. */
  static async start(name: string, address: string): Promise<TestPod> {
    const pod = new TestPod(name, address);
    await createPodNetwork({ name, link: pod.link, address }, never);
    const server = pod.spawn(serverProgram, [name]);
    await once(server.stdout ?? server, 'data');
    return pod;
  }

  /** Connects from this pod a number of times, and returns each answer, or the code of the error. */
  async connect(host: string, port: number, times = 1, protocol: 'tcp' | 'udp' = 'tcp'): Promise<TestAnswer[]> {
    return answersOf(this.spawn(clientProgram, [host, String(port), String(times), protocol]));
  }

  /** Opens a UDP socket in this pod that keeps its port. */
  async openUdp(host: string, port: number): Promise<TestSocket> {
    const client = this.spawn(socketProgram, [host, String(port)]);
    await once(client, 'message');
    return new TestSocket(client);
  }

  private spawn(program: string, args: readonly string[]): ChildProcess {
    const command = [process.execPath, '-e', program, ...args];
    const [file = '', ...rest] = podCommand({ namespace: this.name, etc: this.etc }, command);
    return spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killAllIn(this.name, never);
    rmSync(this.etc, { recursive: true });
    await removePodNetwork({ name: this.name, link: this.link }, never);
  }
}

/** UDP socket of a pod. */
export class TestSocket implements AsyncDisposable {
  private readonly client: ChildProcess;

  constructor(client: ChildProcess) {
    this.client = client;
  }

  /** Sends a packet, and returns the answer. */
  async ask(): Promise<unknown> {
    this.client.send('hello');
    const [answer] = await once(this.client, 'message');
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.client, 'exit');
    this.client.kill();
    await exit;
  }
}

/** Answer of a server, or the code of an error, and the time that it took. */
export interface TestAnswer {
  readonly answer: string;
  readonly durationMs: number;
}

/** Connects from the node itself, as control planes and hostNetwork pods do. */
export async function connectFromNode(host: string, port: number, times = 1): Promise<TestAnswer[]> {
  const args = ['-e', clientProgram, host, String(port), String(times), 'tcp'];
  return answersOf(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
}

async function answersOf(client: ChildProcess): Promise<TestAnswer[]> {
  if (client.stdout === null) throw new Error('the client has no output');
  return JSON.parse(await text(client.stdout)) as TestAnswer[];
}

const serverProgram = `
const [name] = process.argv.slice(1);
require('net').createServer((socket) => {
  socket.on('error', () => {});
  socket.end(name + ' ' + socket.remoteAddress.replace('::ffff:', ''));
}).listen(8080, '0.0.0.0', () => {
  const udp = require('dgram').createSocket('udp4');
  udp.on('message', (_, { address, port }) => udp.send(name + ' ' + address, port, address));
  udp.bind(5353, () => console.log('ready'));
});`;

const socketProgram = `
const [host, port] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
socket.on('message', (data) => process.send(data.toString()));
socket.connect(Number(port), host, () => process.send('ready'));
process.on('message', (text) => socket.send(text));`;

const clientProgram = `
const [host, port, times, protocol] = process.argv.slice(1);
const { once } = require('events');
async function tcp() {
  const socket = require('net').connect({ host, port: Number(port) });
  const [data] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) });
  socket.destroy();
  return data.toString();
}
async function udp() {
  const socket = require('dgram').createSocket('udp4');
  socket.connect(Number(port), host);
  await once(socket, 'connect');
  socket.send('hello');
  const [data] = await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
  socket.close();
  return data.toString();
}
(async () => {
  const answers = [];
  for (let index = 0; index < Number(times); index++) {
    const from = performance.now();
    const answer = await (protocol === 'tcp' ? tcp() : udp()).catch((error) => error.code);
    answers.push({ answer, durationMs: performance.now() - from });
  }
  process.stdout.write(JSON.stringify(answers), () => process.exit());
})();`;
