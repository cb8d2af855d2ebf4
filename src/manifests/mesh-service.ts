import type { CalledService } from './called-services.ts';

/** A service that is to run, and in how many pods of which versions. */
export interface MeshService extends CalledService {
  /** At least one. */
  readonly versions: readonly MeshVersion[];
  /** Directives that it carries out with every request. */
  readonly behaviour?: string;
}

export interface MeshVersion {
  readonly version: string;
  readonly replicas: number;
}
