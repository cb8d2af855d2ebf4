import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import type { Role } from '../../execute/role.ts';
import { parseServicePort } from '../../execute/service-ports.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { authorityOf } from '../../plan/plan.ts';
import { CallCounter } from '../../serve/call-counter.ts';
import {
  type MessageFromService,
  type MessageToService,
  parseMessageToService,
} from '../../serve/process/process-messages.ts';
import { serveSchema } from '../../serve/settings/serve-schema.ts';
import type { RunningService } from '../../serve/start-service.ts';
import { startTelemetry } from '../../telemetry/start.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { endWithNpx, sameSignalMs } from '../process/end-signals.ts';
import { programVersion } from '../process/program-version.ts';
import { openListenersNote } from './open-listeners.ts';
import { readServeSettings, type ServeSettings } from './serve-options.ts';

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

/**
 * Runs one service until a signal ends it.
 *
 * @throws MeshmockError `usage` for wrong settings; `conflict`, `machine` or `usage` if it cannot listen
 */
export async function serve(args: readonly string[]): Promise<void> {
  const settings = readServeSettings(args, process.env);
  // Before the servers, since instrumentation must be loaded before the modules that it instruments.
  const telemetry = await startTelemetry(settings.identity, programVersion(), settings.metrics !== undefined);
  const [{ startService }, { createLogger }] = await Promise.all([
    import('../../serve/start-service.ts'),
    import('../../serve/logger.ts'),
  ]);
  const role = await roleOf(settings);
  // Modules load without a turn of the event loop, so a signal that arrived meanwhile is handled here, before the start.
  await turnOfTheEventLoop();
  const running = await startService(
    { ...settings, role },
    telemetry,
    createLogger(settings.identity, settings.logLevel, role, settings.budgets.maxLogLineBytes),
  );
  const http = running.http.map(authorityOf).join(', ');
  const grpc = running.grpc.map(authorityOf).join(', ');
  const tcp = running.tcp.length === 0 ? '' : ` tcp ${running.tcp.map(authorityOf).join(', ')}`;
  const tls = running.tls.length === 0 ? '' : ` tls ${running.tls.map(authorityOf).join(', ')}`;
  const metrics = running.metrics === undefined ? '' : ` metrics ${authorityOf(running.metrics)}`;
  stopOnSignal(() => running.stop());
  if (process.send === undefined) {
    endWithNpx();
    const { service, version } = settings.identity;
    process.stdout.write(`${service} ${version} is ready: http ${http} grpc ${grpc}${tcp}${tls}${metrics}\n`);
    const note = openListenersNote([...running.http, ...running.grpc, ...running.tcp, ...running.tls]);
    if (process.stderr.isTTY && note !== undefined) process.stderr.write(`meshmock: ${note}\n`);
  } else if (process.connected) {
    const counting = trafficSwitch(running);
    process.on('message', (value) => {
      const message = parseMessageToService(value);
      if (message !== undefined) onMessage(message, running, settings, counting);
    });
    send({ kind: 'ready', http, grpc });
  }
}

/** Returns the role of a service. The reader of a stand-in's answers is loaded only with a file. */
async function roleOf({ role, answers }: ServeSettings): Promise<Role> {
  if (answers === undefined) return role;
  const { readAnswers } = await import('./answers-file.ts');
  return { kind: 'stand-in', answers: readAnswers(answers) };
}

function onMessage(
  message: MessageToService,
  running: RunningService,
  settings: ServeSettings,
  setCounting: (isCounted: boolean) => void,
): void {
  switch (message.kind) {
    case 'service-ports':
      settings.servicePorts.replace(message.ports.map(parseServicePort));
      return;
    case 'readiness':
      running.setReady(message.isReady);
      return;
    case 'behaviour':
      send(changeBehaviour(running, settings, message.directives));
      return;
    case 'traffic':
      setCounting(message.isCounted);
      return;
  }
}

/** Returns a function that begins and ends the counts of calls for the parent process. */
function trafficSwitch(running: RunningService): (isCounted: boolean) => void {
  let counter: CallCounter | undefined;
  return (isCounted) => {
    if (isCounted === (counter !== undefined)) return;
    counter?.stop();
    counter = isCounted ? new CallCounter((counts) => send({ kind: 'traffic', counts })) : undefined;
    running.setTraffic(counter);
  };
}

function send(message: MessageFromService): void {
  process.send?.(message, () => {});
}

/** @param directives null restores those of the start */
function changeBehaviour(
  running: RunningService,
  { behaviour, limits }: ServeSettings,
  directives: string | null,
): MessageFromService {
  try {
    running.setBehaviour(directives === null ? behaviour : parseDirectives(directives, limits));
    return { kind: 'accepted' };
  } catch (error) {
    return { kind: 'refused', message: (error as Error).message };
  }
}

/**
 * Stops the service at the first signal, or when the `meshmock up` that started it ends. A second signal does not wait.
 * Under `up`, `up` handles Ctrl-C.
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
