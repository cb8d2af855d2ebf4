import type { ShownCall } from '../policy-case.ts';

/** Returns the path of a file with workloads of Bookinfo. */
export const platform = (name: string): string => `bookinfo/platform/kube/${name}.yaml`;

export const jason = ['--header', 'end-user: jason'];

/**
 * Number of calls for shares. By the binomial distribution, less than one run in 400,000 lies outside 10 % ± 7 %. Fewer
 * lie outside 20 % ± 10 % and 50 % ± 12 %. Without a policy, each of the three versions gets about a third.
 */
const many = '*500;concurrency=4';
/**
 * Number of calls that must all reach one version. By chance, this happens once in 10^9 runs with two versions, and
 * once in 10^14 with three.
 */
export const some = '*30';

/** Service whose mock makes the calls. */
export const at = 'productpage';

/** Returns a call that shows that all calls to reviews reach one version. */
export function allTo(version: string, args: readonly string[] = []): ShownCall {
  return { at, path: `/@reviews${some}/x`, args, changed: [`reviews version = ${version}`], also: ['status = 200'] };
}

/** Returns calls that show that reviews v3 gets ratings from a version. */
export function ratingsOf(version: string): readonly ShownCall[] {
  const ratings = [`reviews->ratings version = ${version}`];
  const args = ['--repeat', '30'];
  return [{ at, path: '/@reviews/@ratings/x', args, changed: ['reviews version = v3', ...ratings] }];
}

/**
 * Returns a call that shows the shares of the versions of reviews, such as `v1 = 80% ± 10%`.
 *
 * @param changed shares that are impossible without the policy, even if one version is slower than the others
 */
export function shares(changed: readonly string[], also: readonly string[] = []): ShownCall {
  const each = (share: string): string => `reviews version ${share}`;
  return { at, path: `/@reviews${many}/x`, changed: changed.map(each), also: [...also.map(each), 'status = 200'] };
}
