import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Identity, Reply } from './reply.ts';
import { requestError } from './request-error.ts';
import { statusesOfError } from './status.ts';

/** Returns the reply to a request that an error ends before it is executed. */
export function errorReply(identity: Identity, error: MeshmockError): Reply {
  return { ...identity, ...statusesOfError(error), error: requestError(error) };
}
