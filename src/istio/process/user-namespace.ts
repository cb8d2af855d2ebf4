import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Reports whether this process needs a user namespace for what only root may do. */
export function isRootless(): boolean {
  return process.getuid?.() !== 0;
}

/**
 * Returns the start of the command line that runs a program with its own network, mounts and process ids. Without root,
 * it also has its own users: root in it is the user of this process, and further users come from the range in /etc/subuid.
 */
export function namespaceCommand(): string[] {
  const users = isRootless() ? ['--user', '--map-root-user', '--map-auto'] : [];
  return ['unshare', ...users, '--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
}

/** Returns the folders of programs. The `PATH` of an ordinary user often lacks those of the system's own programs. */
export function systemPath(): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return [...new Set([...folders, '/usr/local/sbin', '/usr/sbin', '/sbin'])].join(path.delimiter);
}

/** Reports whether this process may use the ids of users up to a number. */
export function hasUsersTo(last: number): boolean {
  return includesUsersTo(readFileSync('/proc/self/uid_map', 'utf8'), last);
}

/** Reports whether a map of users, as the kernel prints it, has all users from 0 to a number. */
export function includesUsersTo(uidMap: string, last: number): boolean {
  const ranges = [...uidMap.matchAll(/^ *(\d+) +\d+ +(\d+)$/gm)].map(([, first, count]) => ({
    first: Number(first),
    next: Number(first) + Number(count),
  }));
  let next = 0;
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    if (range.first > next) break;
    next = Math.max(next, range.next);
  }
  return next > last;
}
