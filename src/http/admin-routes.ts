import type { FastifyInstance } from 'fastify';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { Service } from '../execute/service.ts';
import { formatPath } from '../plan/format.ts';
import { countCalls, depthOf } from '../plan/measure.ts';
import { parsePath } from '../plan/parse.ts';
import { toMessage } from '../plan/to-message.ts';
import { requestError } from '../reply/request-error.ts';
import { statusOfError } from '../reply/status.ts';
import { pathOfTarget } from './codec.ts';

const prefix = '/-/';
const planPath = '/-/plan';
const pagePath = '/-/page/';

/** Reports whether a path belongs to the service itself and is not a plan. */
export function isAdminPath(path: string): boolean {
  return path.startsWith(prefix);
}

/** Reports whether a request target is a probe. Probes are always answered. */
export function isProbe(target = ''): boolean {
  return target.startsWith(prefix) && /^\/-\/(?:healthy|ready)(?:\?|$)/.test(target);
}

/** Returns the route of an admin path, without the query and without the plan after `/-/plan`, which is not a route. */
export function adminRoute(path: string): string {
  return /^\/-\/plan(?:[/?]|$)/.test(path) ? planPath : path.replace(/\?.*$/, '');
}

/** State of a service, which the readiness probe answers. */
export type Readiness = 'ready' | 'not ready' | 'draining';

/** Adds the probes, and `/-/plan/…`, which explains a plan without making its calls. */
export function addAdminRoutes(app: FastifyInstance, service: Service, readiness: () => Readiness): void {
  app.get('/-/healthy', (_request, reply) => reply.type('text/plain').send('healthy\n'));
  app.get('/-/ready', (_request, reply) => {
    const state = readiness();
    return reply
      .code(state === 'ready' ? 200 : 503)
      .type('text/plain')
      .send(`${state}\n`);
  });
  if (service.page !== undefined) {
    app.get(`${pagePath}*`, async (request, reply) => {
      const { sendPageFile } = await import('./pages/page-file-route.ts');
      return sendPageFile(request, reply);
    });
  }
  app.get(planPath, (request, reply) => {
    const path = pathOfTarget(request.originalUrl)
      .slice(planPath.length)
      .replace(/^(?!\/)/, '/');
    const { status, explanation } = explain(path, service);
    return reply
      .code(status)
      .type('application/json; charset=utf-8')
      .send(`${JSON.stringify(explanation, undefined, 2)}\n`);
  });
}

function explain(path: string, service: Service): { status: number; explanation: object } {
  try {
    const plan = parsePath(path, service.limits);
    const explanation = {
      path: formatPath(plan),
      calls: countCalls(plan),
      depth: depthOf(plan),
      plan: toMessage(plan),
    };
    return { status: 200, explanation };
  } catch (error) {
    if (!(error instanceof MeshmockError)) throw error;
    return { status: statusOfError(error), explanation: { error: requestError(error) } };
  }
}
