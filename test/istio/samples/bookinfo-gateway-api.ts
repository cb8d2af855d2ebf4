import type { PolicyCase } from '../policy-case.ts';
import { allTo, platform, shares } from './bookinfo-shown.ts';

const route = (name: string): string => `bookinfo/gateway-api/${name}.yaml`;
const versions = platform('bookinfo-versions');

export const gatewayApiCases: readonly PolicyCase[] = [
  { title: 'everything goes to v1', files: [route('route-all-v1')], given: [versions], shown: [allTo('v1')] },
  { title: 'reviews goes to v1', files: [route('route-reviews-v1')], given: [versions], shown: [allTo('v1')] },
  { title: 'reviews goes to v3', files: [route('route-reviews-v3')], given: [versions], shown: [allTo('v3')] },
  {
    title: 'half goes to v1, half to v3',
    files: [route('route-reviews-50-v3')],
    given: [versions],
    shown: [shares(['v2 = 0'], ['v1 = 50% ± 12%'])],
  },
  {
    title: '90 % go to v1, 10 % to v2',
    files: [route('route-reviews-90-10')],
    given: [versions],
    shown: [shares(['v1 = 90% ± 7%', 'v3 = 0'], ['v2 = 10% ± 7%'])],
  },
  {
    title: 'the gateway routes the paths of productpage, and no plan',
    files: [route('bookinfo-gateway')],
    shown: [
      {
        at: { gateway: 'bookinfo-gateway-istio' },
        path: '/productpage',
        changed: ['status = 200', 'peer = bookinfo-gateway-istio', 'version = v1'],
      },
      {
        at: { gateway: 'bookinfo-gateway-istio' },
        path: '/@reviews/x',
        changed: ['status = 404', 'refusal = no_route'],
      },
    ],
  },
];
