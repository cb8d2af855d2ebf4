import type { CalledService } from './called-services.ts';

/** Service with its versions. */
export interface MeshService extends CalledService {
  /** At least one version. */
  readonly versions: readonly MeshVersion[];
  /** Directives for all requests of the service. */
  readonly behaviour?: string;
}

export interface MeshVersion {
  readonly version: string;
  /** Number of pods. */
  readonly replicas: number;
}
