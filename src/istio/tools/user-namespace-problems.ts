import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Settings of a machine that decide whether a user may have a user namespace. A setting that it lacks is undefined. */
export interface UserNamespaceFacts {
  readonly user: string;
  readonly uid: number;
  /** Content of /etc/subuid and /etc/subgid. */
  readonly subuid: string;
  readonly subgid: string;
  /** `kernel.unprivileged_userns_clone`, of Debian. */
  readonly unprivilegedClone: string | undefined;
  /** `user.max_user_namespaces`. */
  readonly maxNamespaces: string | undefined;
  /** `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu. */
  readonly apparmorRestricts: string | undefined;
}

/** Highest user that a pod of Istio has. */
const proxyUser = 1337;

/** Reads the settings of this machine. */
export function readUserNamespaceFacts(): UserNamespaceFacts {
  const { username, uid } = userOfProcess();
  return {
    user: username,
    uid,
    subuid: readIfExists('/etc/subuid') ?? '',
    subgid: readIfExists('/etc/subgid') ?? '',
    unprivilegedClone: readIfExists('/proc/sys/kernel/unprivileged_userns_clone')?.trim(),
    maxNamespaces: readIfExists('/proc/sys/user/max_user_namespaces')?.trim(),
    apparmorRestricts: readIfExists('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim(),
  };
}

/** Returns the user of this process. A container may run with a user that has no name. */
function userOfProcess(): { readonly username: string; readonly uid: number } {
  try {
    return userInfo();
  } catch {
    const uid = process.getuid?.() ?? 0;
    return { username: String(uid), uid };
  }
}

/**
 * Returns the settings that forbid a user namespace, each with what changes it.
 *
 * @param failure message of the program that failed, for a reason that no setting shows
 */
export function userNamespaceProblems(facts: UserNamespaceFacts, failure: string): string[] {
  const { user, maxNamespaces, unprivilegedClone, apparmorRestricts } = facts;
  const problems = [
    ...(unprivilegedClone === '0'
      ? ['kernel.unprivileged_userns_clone is 0: sudo sysctl -w kernel.unprivileged_userns_clone=1']
      : []),
    ...(maxNamespaces === '0' ? ['user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces=10000'] : []),
    ...(apparmorRestricts === '1'
      ? [
          'kernel.apparmor_restrict_unprivileged_userns is 1: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
        ]
      : []),
    ...(hasRange(facts.subuid, facts) && hasRange(facts.subgid, facts)
      ? []
      : [
          `${user} has no range of 65536 ids in /etc/subuid and /etc/subgid: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`,
        ]),
    ...(/unrecognized option '--map-auto'/.test(failure) ? ['unshare is older than util-linux 2.38'] : []),
    ...(/iptables|nf_tables|owner|REDIRECT/.test(failure)
      ? [`the kernel lacks modules for the rules of a pod: sudo modprobe -a nf_nat xt_owner xt_REDIRECT (${failure})`]
      : []),
    ...(/veth|RTNETLINK/.test(failure) ? [`the kernel lacks a module: sudo modprobe veth (${failure})`] : []),
  ];
  if (problems.length > 0) return problems;
  return [`${failure || 'unshare failed'}. In a container, its seccomp profile or its capabilities may forbid it`];
}

/** Reports whether a user has a range of ids that includes the user of a proxy. */
function hasRange(text: string, { user, uid }: UserNamespaceFacts): boolean {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .some(([owner, , count]) => (owner === user || owner === String(uid)) && Number(count) >= proxyUser);
}

function readIfExists(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
