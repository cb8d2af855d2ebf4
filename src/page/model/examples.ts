/** Example of a plan that can be pressed. */
export interface Example {
  readonly label: string;
  readonly path: string;
  /** One sentence that says what it shows. */
  readonly about: string;
}

/**
 * Returns examples with services that exist, as far as they are known.
 *
 * @example
 * examples(['reviews', 'ratings'])[0]?.path; // '/@reviews/@ratings/@reviews/hello'
 */
export function examples(services: readonly string[]): Example[] {
  const [a = 'service1', b = a, c = b] = services;
  return [
    { label: 'Chain', path: `/@${a}/@${b}/@${c}/hello`, about: 'Each service calls the next one.' },
    { label: 'Fan-out', path: `/@${a}|${b}|${c}/hello`, about: 'Three calls at once.' },
    {
      label: 'Canary',
      path: `/@${b}*50;concurrency=5/hello`,
      about: '50 calls: which version and pod answered how often?',
    },
    {
      label: 'Retry',
      path: `/@${a};retries=2/~status=503:attempt<3/hello`,
      about: 'The service fails until the third attempt.',
    },
    {
      label: 'Broken branch',
      path: `/@${a}(/@${c}/x)|${b}(/~status=503/x)/hello`,
      about: 'One of two branches fails; the other one is complete.',
    },
  ];
}
