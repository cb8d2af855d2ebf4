import { availableParallelism, freemem, totalmem } from 'node:os';
import { kubeletPort } from '../control-plane/control-plane.ts';
import { nodeAddress } from '../network/addresses.ts';
import type { KubeObject } from '../resources/objects.ts';
import { timeText } from './pod-status-object.ts';

/** Name of the only node of a local mesh. */
export const nodeName = 'meshmock';

/** Memory that a pod needs, in bytes: its mock, its proxy and its agent (70 MB when idle), and the answers of its mock. */
const podBytes = 90 * 1024 ** 2;
/** Memory that a mesh without pods needs, in bytes: its control plane, istiod, Jaeger and its controller. */
const controlPlaneBytes = 900 * 1024 ** 2;
/** Memory that stays free for everything else, in bytes. */
const reservedBytes = 512 * 1024 ** 2;
/** Pods that one processor starts within a minute. In larger meshes, each start of a pod takes much longer. */
const podsPerProcessor = 60;

/** Maximum number of pods, and what limits it. */
export interface PodLimit {
  readonly pods: number;
  /** Reason in words, such as `this machine has memory for 20 pods`. */
  readonly reason: string;
}

/** Returns the number of pods for which this machine has memory now, and processors. */
export function podLimit(freeBytes = freemem(), processors = availableParallelism()): PodLimit {
  const inMemory = Math.floor((freeBytes - reservedBytes) / podBytes);
  const started = podsPerProcessor * processors;
  if (inMemory <= started) return { pods: inMemory, reason: `this machine has memory for ${inMemory} pods` };
  const have = processors === 1 ? 'one processor is' : `${processors} processors are`;
  return { pods: started, reason: `${have} enough for ${started} pods` };
}

/** Returns the number of meshes with this number of pods for which this machine has memory now. */
export function meshCapacity(pods: number): number {
  return Math.floor((freemem() - reservedBytes) / (controlPlaneBytes + pods * podBytes));
}

/** Returns the Node object, with its status. */
export function nodeObject(maxPods: number): KubeObject {
  const capacity = {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(maxPods),
  };
  const time = timeText(new Date());
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: nodeName,
      labels: { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux' },
    },
    spec: {},
    status: {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: 'InternalIP', address: nodeAddress },
        { type: 'Hostname', address: nodeName },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'the local mesh runs pods',
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
      nodeInfo: {
        kubeletVersion: 'v1.37.1',
        operatingSystem: 'linux',
        osImage: 'meshmock',
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        containerRuntimeVersion: 'meshmock://0.1.0',
      },
    },
  };
}
