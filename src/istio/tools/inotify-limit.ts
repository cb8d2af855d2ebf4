import { readFileSync } from 'node:fs';

/** Instances that the programs of a mesh use besides its sidecars: the control plane and Jaeger. */
const baseInstances = 4;
const instancesOfSidecar = 2;

/**
 * Returns a warning if the kernel does not give one user the inotify instances that a mesh needs, or undefined. Without
 * root, all programs of a mesh count for its user.
 *
 * @param limit content of /proc/sys/fs/inotify/max_user_instances
 */
export function inotifyWarning(pods: number, limit: string): string | undefined {
  const needed = baseInstances + instancesOfSidecar * pods;
  if (needed <= Number(limit)) return undefined;
  return `${pods} pods with sidecars need ${needed} inotify instances, and fs.inotify.max_user_instances is ${limit.trim()}: sudo sysctl -w fs.inotify.max_user_instances=${Math.max(1024, 2 * needed)}`;
}

/** Returns the warning for a mesh on this machine. */
export function inotifyWarningHere(pods: number): string | undefined {
  try {
    return inotifyWarning(pods, readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8'));
  } catch {
    return undefined;
  }
}
