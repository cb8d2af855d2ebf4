import assert from 'node:assert/strict';
import { test } from 'node:test';
import { includesUsersTo } from '../../../src/istio/process/user-namespace.ts';
import { inotifyWarning } from '../../../src/istio/tools/inotify-limit.ts';
import { type UserNamespaceFacts, userNamespaceProblems } from '../../../src/istio/tools/user-namespace-problems.ts';

const fit: UserNamespaceFacts = {
  user: 'ann',
  uid: 1000,
  subuid: 'bob:100000:65536\nann:165536:65536\n',
  subgid: 'ann:165536:65536\n',
  unprivilegedClone: '1',
  maxNamespaces: '95000',
  apparmorRestricts: '0',
};

for (const { setting, facts, failure = 'unshare failed: Operation not permitted', problem } of [
  {
    setting: 'unprivileged_userns_clone',
    facts: { unprivilegedClone: '0' },
    problem: /^kernel\.unprivileged_userns_clone is 0: sudo sysctl/,
  },
  {
    setting: 'max_user_namespaces',
    facts: { maxNamespaces: '0' },
    problem: /^user\.max_user_namespaces is 0: sudo sysctl/,
  },
  {
    setting: "AppArmor's restriction",
    facts: { apparmorRestricts: '1' },
    problem: /^kernel\.apparmor_restrict_unprivileged_userns is 1/,
  },
  {
    setting: 'a user without a range',
    facts: { subuid: 'bob:100000:65536' },
    problem: /^ann has no range .*sudo usermod/,
  },
  { setting: 'a user with a range of users and none of groups', facts: { subgid: '' }, problem: /^ann has no range/ },
  {
    setting: 'a range that is too short for the user 1337',
    facts: { subuid: 'ann:165536:1000' },
    problem: /^ann has no range/,
  },
  {
    setting: 'an old unshare',
    facts: {},
    failure: "unshare: unrecognized option '--map-auto'",
    problem: /^unshare is older than util-linux 2\.38/,
  },
  {
    setting: 'a missing module',
    facts: {},
    failure: 'iptables-restore: Extension REDIRECT revision 0 not supported, missing kernel module?',
    problem: /modprobe -a nf_nat xt_owner xt_REDIRECT/,
  },
  {
    setting: 'another reason',
    facts: {},
    problem: /^unshare failed: Operation not permitted\. In a container, its seccomp profile/,
  },
])
  test(`the message about user namespaces names ${setting}`, () => {
    const problems = userNamespaceProblems({ ...fit, ...facts }, failure);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', problem);
  });

test('a range of ids may be that of a number instead of a name', () => {
  const problems = userNamespaceProblems({ ...fit, subuid: '1000:100000:65536', subgid: '1000:100000:65536' }, 'x');
  assert.deepEqual(problems, ['x. In a container, its seccomp profile or its capabilities may forbid it']);
});

test('a mesh that needs more inotify instances than one user may have gets a warning', () => {
  assert.equal(inotifyWarning(62, '128\n'), undefined);
  assert.match(
    inotifyWarning(63, '128\n') ?? '',
    /^63 pods with sidecars need 130 inotify instances, and fs\.inotify\.max_user_instances is 128: sudo sysctl -w \S+=1024$/,
  );
});

test('the ids of a namespace are read from its map', () => {
  const ofMachine = '         0          0 4294967295\n';
  const ofUser = '         0       1000          1\n         1     100000      65536\n';
  assert.ok(includesUsersTo(ofMachine, 1_337_258));
  assert.ok(includesUsersTo(ofUser, 1337));
  assert.ok(!includesUsersTo(ofUser, 1_337_258));
  assert.ok(!includesUsersTo('         0       1000          1\n', 1337));
  assert.ok(!includesUsersTo('         0       1000          1\n      2000     100000      65536\n', 1337));
});
