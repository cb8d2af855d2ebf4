import { availableParallelism, freemem, totalmem } from 'node:os';
import { kubeletPort } from '../control-plane/control-plane.ts';
import { nodeAddress } from '../network/addresses.ts';
import type { KubeObject } from '../resources/objects.ts';
import { timeText } from './pod-status-object.ts';

/** Name of the only node of a local mesh. */
export const nodeName = 'meshmock';

/** Memory that a pod needs, in bytes: its mock and its proxy. */
const podBytes = 130 * 1024 ** 2;
/** Memory that a mesh without pods needs, in bytes: its control plane, istiod, Jaeger and its controller. */
const controlPlaneBytes = 750 * 1024 ** 2;
/** Memory that stays free for everything else, in bytes. */
const reservedBytes = 512 * 1024 ** 2;

/** Returns the number of pods for which this machine has memory now. */
export function podCapacity(): number {
  return Math.floor((freemem() - reservedBytes) / podBytes);
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
