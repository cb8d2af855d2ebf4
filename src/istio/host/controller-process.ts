import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { programFile } from '../../package/package-files.ts';
import type { FromController, ToController } from './messages.ts';

/**
 * Process of a mesh's controller (`controller.ts`), with the channel to it. It is the first process of its own network,
 * mount and process namespaces, so everything in the mesh ends with it.
 */
export class ControllerProcess {
  private readonly child: ChildProcess;
  /** Listeners that are being sent to the controller. */
  private readonly sentListeners = new Set<Server>();
  /** Resolves with the exit code when the process has ended. */
  readonly exited: Promise<number | null>;

  /** @param onMessage called with each message of the controller, in order */
  constructor(onMessage: (message: FromController) => void) {
    this.child = spawnController();
    this.child.on('message', onMessage);
    this.exited = this.untilExit(once(this.child, 'exit'));
  }

  /** Sends a message. */
  send(message: ToController): void {
    this.sendWith(message, undefined);
  }

  /** Sends a listener, and waits until only the controller accepts its connections. */
  sendListener(message: ToController, listener: Server): Promise<void> {
    const closed = Promise.withResolvers<void>();
    listener.once('close', () => closed.resolve());
    this.sendWith(message, listener);
    return closed.promise;
  }

  /** Kills `unshare`, which kills its child. That is the first process of its namespace, so all others end with it. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private sendWith(message: ToController, listener: Server | undefined): void {
    // The listener must be closed here: otherwise both processes would accept its connections.
    const onSent = (): void => {
      if (listener === undefined) return;
      this.sentListeners.delete(listener);
      listener.close();
    };
    if (listener !== undefined) this.sentListeners.add(listener);
    // The channel of an ended process may still be open. Callbacks of messages that wait in it never run.
    const { connected, exitCode, signalCode } = this.child;
    if (connected && exitCode === null && signalCode === null) this.child.send(message, listener, onSent);
    else onSent();
  }

  private async untilExit(exit: Promise<unknown[]>): Promise<number | null> {
    const [code] = (await exit) as [number | null];
    // An open listener would keep this process alive.
    for (const listener of this.sentListeners) listener.close();
    return code;
  }
}

/** Starts the controller in its namespaces. */
function spawnController(): ChildProcess {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  // The first process of a namespace must reap orphans. Node reaps only its own children, but a shell reaps all.
  const init = ['sh', '-c', '"$@"; exit $?', 'sh'];
  return spawn(
    'unshare',
    [...namespaces, ...init, process.execPath, ...process.execArgv, programFile('istio/host/controller')],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
}
