import type { KubeClient } from '../kube-api/kube-client.ts';
import { groupedLines } from '../resources/grouped-lines.ts';
import type { KubeObject } from '../resources/objects.ts';

const configuration = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: 'istio-sidecar-injector' },
};
/** Webhook that injects in namespaces without a label. An installation that wants labels does not have it. */
const webhookName = 'auto.sidecar-injector.istio.io';
const nameLabel = 'kubernetes.io/metadata.name';
const injectionLabel = 'istio-injection';
const labelNames = [injectionLabel, 'istio.io/rev', 'istio.io/dataplane-mode'];

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface WebhookConfiguration extends KubeObject {
  webhooks: { name: string; namespaceSelector: { matchExpressions: Expression[] } }[];
}

/**
 * Namespaces in which pods get no sidecar unless they ask for it. The local mesh injects in namespaces without a label,
 * since the label is often set by a command. But if manifests label some of their namespaces, the others get no
 * sidecars, as in a cluster. No installation labels Istio's own namespace.
 */
export class InjectionScope {
  private readonly client: KubeClient;
  private excluded: ReadonlySet<string> = new Set(['istio-system']);

  constructor(client: KubeClient) {
    this.client = client;
  }

  /**
   * Excludes the namespaces that manifests declare without a label. Needed before their pods are made.
   *
   * @returns notes about the namespaces
   */
  async exclude(objects: readonly KubeObject[], signal: AbortSignal): Promise<string[]> {
    const names = namespacesWithoutSidecars(objects);
    await this.write(new Set([...this.excluded, ...names]), signal);
    // The prepared data has the label, because `default` is declared by nobody.
    if (names.includes('default')) await this.removeLabel('default', signal);
    return groupedLines(
      names.map((name) => ({
        name: `namespace/${name}`,
        message: 'no sidecars, because these manifests enable injection only in other namespaces',
      })),
    );
  }

  private async write(excluded: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { client } = this;
    const webhook = (await client.get<WebhookConfiguration>(configuration, signal))?.webhooks.find(
      ({ name }) => name === webhookName,
    );
    if (webhook === undefined) return;
    const { matchExpressions } = webhook.namespaceSelector;
    const present = excludedBy(matchExpressions);
    const missing = [...excluded].filter((name) => !present.includes(name));
    if (missing.length > 0) {
      const changed = matchExpressions.map((one) =>
        one.key === nameLabel ? { ...one, values: [...(one.values ?? []), ...missing] } : one,
      );
      const webhooks = [{ name: webhookName, namespaceSelector: { matchExpressions: changed } }];
      await client.patch(configuration, { webhooks }, 'strategic', {}, signal);
    }
    this.excluded = excluded;
  }

  private async removeLabel(name: string, signal: AbortSignal): Promise<void> {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await this.client.patch(namespace, { metadata: { labels: { [injectionLabel]: null } } }, 'merge', {}, signal);
  }
}

/** Namespaces that never have sidecars, or are not the user's. */
const ownNamespaces = ['istio-system', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * Returns the namespaces that objects declare, and in which the pods of their cluster have no sidecars. If the objects
 * include the cluster's injector, it decides; otherwise the labels of the other namespaces do.
 */
export function namespacesWithoutSidecars(objects: readonly KubeObject[]): string[] {
  const namespaces = objects.filter(
    ({ apiVersion, kind, metadata: { name } }) =>
      apiVersion === 'v1' && kind === 'Namespace' && !ownNamespaces.includes(name),
  );
  const unlabelled = namespaces
    .filter(({ metadata: { labels = {} } }) => labelNames.every((name) => labels[name] === undefined))
    .map(({ metadata }) => metadata.name);
  const injector = objects.find(isInjector);
  if (injector === undefined) return namespaces.some(enablesInjection) ? unlabelled : [];
  const webhook = injector.webhooks.find(({ name }) => name === webhookName);
  if (webhook === undefined) return unlabelled;
  const excluded = excludedBy(webhook.namespaceSelector.matchExpressions);
  return unlabelled.filter((name) => excluded.includes(name));
}

function isInjector(object: KubeObject): object is WebhookConfiguration {
  return object.kind === configuration.kind && object.metadata.name === configuration.metadata.name;
}

function enablesInjection({ metadata: { labels = {} } }: KubeObject): boolean {
  return labels[injectionLabel] === 'enabled' || labels['istio.io/rev'] !== undefined;
}

function excludedBy(expressions: readonly Expression[]): readonly string[] {
  return expressions.flatMap(({ key, values = [] }) => (key === nameLabel ? values : []));
}
