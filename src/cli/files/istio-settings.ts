import { optional } from '../../error/optional.ts';
import type { IstioSettings } from '../../istio/local-mesh/mesh-configuration.ts';
import { readText } from '../process/read-text.ts';

/** Options of a command that starts a local mesh. */
export interface IstioOptionValues {
  readonly profile: string | undefined;
  /** Path of a file with Helm values. */
  readonly istioValues: string | undefined;
  /** Path of a file with a mesh configuration. */
  readonly meshConfig: string | undefined;
}

/** Reads the files of a user's configuration of Istio. @throws MeshmockError `usage` for a file that is missing */
export function readIstioSettings({ profile, istioValues, meshConfig }: IstioOptionValues): IstioSettings {
  const read = (name: string | undefined) => (name === undefined ? undefined : { name, text: readText(name) });
  return {
    ...optional('profile', profile),
    ...optional('values', read(istioValues)),
    ...optional('meshConfig', read(meshConfig)),
  };
}
