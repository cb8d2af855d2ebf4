import { parseConnectTo } from '../../execute/connect-to.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { authorityOf } from '../../plan/plan.ts';
import type { RunningService } from '../../serve/start-service.ts';
import { startTelemetry } from '../../telemetry/start.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { endWithNpx, sameSignalMs } from '../process/end-signals.ts';
import { programVersion } from '../process/program-version.ts';
import { readServeSettings, type ServeSettings, serveSchema } from './serve-options.ts';

const help: HelpText = {
  usage: ['serve [OPTIONS]'],
  summary: 'Runs one service until a signal ends it.',
  schema: serveSchema,
  examples: [
    'meshmock serve --name reviews --service-version v2',
    "meshmock serve --http :8081 --behaviour '/~delay=200ms/~status=503:0.1'",
  ],
  notes: [
    'Each flag has a variable, such as MESHMOCK_SERVICE_VERSION. Variables OTEL_* keep their standard meaning: spans are on if one of them names an exporter or endpoint for traces.',
  ],
};

export const serveCommand: Command = { help, run: serve };

/** What a service started by `meshmock up` tells it. */
export interface ReadyMessage {
  readonly ready: { readonly http: string; readonly grpc: string };
}

/** Other entries of `--connect-to`, from whoever started the service, in the place of those it has. */
export interface RoutesMessage {
  readonly connectTo: readonly string[];
}

/** What it is to do with every request from now on; without directives what it was started with. */
export interface BehaviourMessage {
  readonly behaviour: string | null;
}

/** How a `BehaviourMessage` is answered: it is so now, or why not. */
export interface BehavesMessage {
  readonly behaves: true | string;
}

/**
 * Runs one service until a signal ends it.
 *
 * @throws MeshmockError `usage`
 */
export async function serve(args: readonly string[]): Promise<void> {
  const settings = readServeSettings(args, process.env);
  // First, and the servers only then: instrumentation must be there before what it instruments is loaded.
  const telemetry = await startTelemetry(settings.identity, programVersion(), settings.metrics !== undefined);
  const [{ startService }, { createLogger }] = await Promise.all([
    import('../../serve/start-service.ts'),
    import('../../serve/logger.ts'),
  ]);
  const running = await startService(settings, telemetry, createLogger(settings.identity, settings.logLevel));
  const http = running.http.map(authorityOf).join(', ');
  const grpc = running.grpc.map(authorityOf).join(', ');
  const metrics = running.metrics === undefined ? '' : ` metrics ${authorityOf(running.metrics)}`;
  stopOnSignal(() => running.stop());
  if (process.send === undefined) {
    endWithNpx();
    const { service, version } = settings.identity;
    process.stdout.write(`${service} ${version} is ready: http ${http} grpc ${grpc}${metrics}\n`);
  } else if (process.connected) {
    process.on('message', ({ connectTo, behaviour }: Partial<RoutesMessage & BehaviourMessage>) => {
      if (connectTo !== undefined) settings.dialler.replace(connectTo.map(parseConnectTo));
      if (behaviour !== undefined) tell({ behaves: behave(running, settings, behaviour) });
    });
    tell({ ready: { http, grpc } });
  }
}

function tell(message: ReadyMessage | BehavesMessage): void {
  process.send?.(message, () => {});
}

function behave(running: RunningService, { behaviour, limits }: ServeSettings, text: string | null): true | string {
  try {
    running.behave(text === null ? behaviour : parseDirectives(text, limits));
    return true;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The first signal, or the end of the `meshmock up` that started it, stops the service; a second one does not wait.
 * Under `up` Ctrl-C is for `up` to pass on.
 */
function stopOnSignal(stop: () => Promise<void>): void {
  let stoppingSince: number | undefined;
  const onEnd = (): void => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > sameSignalMs) process.exit(1);
      return;
    }
    stoppingSince = performance.now();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`meshmock: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onEnd);
  process.on('SIGINT', process.connected ? () => {} : onEnd);
  process.on('disconnect', () => stoppingSince ?? onEnd());
  if (process.send !== undefined && !process.connected) onEnd();
}
