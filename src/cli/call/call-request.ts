import { optional } from '../../error/optional.ts';
import type { ListenAddress } from '../../plan/address.ts';
import { formatPath } from '../../plan/format.ts';
import { defaultPorts, type Header, type Plan, type Scheme, schemes } from '../../plan/plan.ts';
import { type PlanCommand, readAuthority, readCommand } from '../../send/forms/plan-forms.ts';
import type { Target } from '../../send/request-batch.ts';
import { parseHeader } from '../../send/request-header.ts';

/** Request that a text describes. */
export interface TypedRequest extends Pick<PlanCommand, 'method' | 'data'> {
  readonly target: Target;
  readonly headers: readonly Header[];
}

/**
 * Parses a path, a URL, `grpc:HOST:PORT/PATH`, `tcp:HOST:PORT/TEXT`, `ws:HOST:PORT/PATH`, JSON, or a command for curl or grpcurl.
 *
 * @example
 * readRequest("curl -X POST -d a=1 'localhost:8080/@a/x'").method; // 'POST'
 *
 * @throws MeshmockError `usage`, or the error of the plan with its place
 */
export function readRequest(typed: string): TypedRequest {
  const [, scheme, authority = '', path = ''] = /^(grpcs?|tcp|wss?):(?:\/\/)?([^/?]*)(.*)$/s.exec(typed) ?? [];
  const known = schemes.find((one) => one === scheme);
  if (known !== undefined) {
    const { plan, address } = readAuthority(authority, path, defaultPorts[known]);
    return { target: targetOf(known, address, plan), headers: [] };
  }
  const command = readCommand(typed);
  const { plan, isTls = false, http = { host: 'localhost', port: defaultPorts.http }, grpc, headers } = command;
  const target =
    grpc === undefined
      ? targetOf(isTls ? 'https' : 'http', http, plan)
      : targetOf(isTls ? 'grpcs' : 'grpc', grpc, plan);
  return {
    target,
    headers: headers.map(parseHeader),
    ...optional('method', command.method),
    ...optional('data', command.data),
  };
}

function targetOf(scheme: Scheme, address: ListenAddress, plan: Plan): Target {
  return { scheme, address, plan, path: formatPath(plan) };
}
