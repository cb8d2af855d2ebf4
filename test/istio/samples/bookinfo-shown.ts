import type { Shown } from '../policy-case.ts';

/** A file of Bookinfo's workloads. */
export const platform = (name: string): string => `bookinfo/platform/kube/${name}.yaml`;

export const jason = ['--header', 'end-user: jason'];

/**
 * Shares of 500 calls: by the binomial distribution less than one run in 400,000 lies outside 10 % ± 7 %, fewer outside
 * 20 % ± 10 % and 50 % ± 12 %. Without a policy the three versions have about a third each: never 70 % or nothing.
 */
const many = '*500;concurrency=4';
/** That all 30 of them reach one of two versions by chance happens once in 10^9, one of three once in 10^14. */
export const some = '*30';

/** Where calls enter. */
export const at = 'productpage';

/** That all calls to reviews reach one version. */
export function allTo(version: string, args: readonly string[] = []): Shown {
  return { at, path: `/@reviews${some}/x`, args, changed: [`reviews version = ${version}`], also: ['status = 200'] };
}

/** That ratings is served by a version, below reviews v3. */
export function ratingsOf(version: string): readonly Shown[] {
  const ratings = [`reviews->ratings version = ${version}`];
  const args = ['--repeat', '30'];
  return [{ at, path: '/@reviews/@ratings/x', args, changed: ['reviews version = v3', ...ratings] }];
}

/**
 * That calls to reviews reach versions by these shares, such as `v1 = 80% ± 10%`.
 *
 * @param changed those that are far from what the versions have without a policy, however busy one of them is
 */
export function shares(changed: readonly string[], also: readonly string[] = []): Shown {
  const each = (share: string): string => `reviews version ${share}`;
  return { at, path: `/@reviews${many}/x`, changed: changed.map(each), also: [...also.map(each), 'status = 200'] };
}
