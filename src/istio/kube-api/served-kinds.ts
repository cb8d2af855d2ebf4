import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Connection } from './connection.ts';
import { apiVersionOf, type GroupDiscovery, type Kind, type KindRef, kindsOf } from './kinds.ts';

const discoveryType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Kinds that an API server serves, as of the last `read`. */
export class ServedKinds {
  private known = new Map<string, Kind>();

  /** Reads all kinds of the API server. */
  async read(connection: Connection, signal: AbortSignal): Promise<void> {
    const answers = await Promise.all(
      ['/api', '/apis'].map((path) =>
        connection.send<GroupDiscovery>({ method: 'GET', path, accept: discoveryType }, signal),
      ),
    );
    const kinds = answers.flatMap(({ body }) => kindsOf(body));
    this.known = new Map(kinds.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));
  }

  /** All kinds, in all versions. */
  get all(): readonly Kind[] {
    return [...this.known.values()];
  }

  /** Returns the kind of an object, or undefined if the API server does not serve it. */
  find({ apiVersion, kind }: KindRef): Kind | undefined {
    return this.known.get(`${apiVersion}/${kind}`);
  }

  /** @throws MeshmockError `usage` if the API server does not serve the kind */
  get(of: KindRef): Kind {
    const kind = this.find(of);
    if (kind === undefined) throw new MeshmockError('usage', `the API server has no ${of.kind} of ${of.apiVersion}`);
    return kind;
  }
}
