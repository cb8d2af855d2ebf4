import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { programFile } from '../../package/package-files.ts';
import { isRootless, namespaceCommand, systemPath } from '../process/user-namespace.ts';
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
  constructor(places: MeshPlaces, onMessage: (message: FromController) => void) {
    this.child = spawnController(places);
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

/** Folder of a mesh, and the path at which the mesh's own programs see it. They are the same for root. */
interface MeshPlaces {
  readonly outer: string;
  readonly inner: string;
}

/**
 * Commands that prepare the mounts of a mesh without root: the user may not write to /run, and other users of the
 * namespace may not open the user's own folders. So /run becomes a new folder with what it had, and with the folder of
 * the mesh. The files of pods have owners that the user could not remove afterwards, so they are only in memory.
 */
const rootlessMounts = `
outer=$1 inner=$2 new=$1/run
shift 2
mkdir -p "$new" "$outer/pods" "$outer/logs" || exit
mount -t tmpfs -o mode=755 tmpfs "$new" || exit
mount -t tmpfs -o mode=755 tmpfs "$outer/pods" || exit
mkdir -p "$new\${inner#/run}" || exit
mount --rbind "$outer" "$new\${inner#/run}" || exit
for old in /run/* /run/.[!.]*; do
  name=\${old##*/}
  case $name in netns | meshmock | mount | xtables.lock) continue ;; esac
  if [ -L "$old" ]; then cp -P "$old" "$new/$name"
  elif [ -d "$old" ]; then mkdir -p "$new/$name" && mount --rbind "$old" "$new/$name"
  elif [ -e "$old" ]; then : > "$new/$name" && mount --bind "$old" "$new/$name"
  fi 2> /dev/null
done
mount --no-mtab --move "$new" /run || exit
`;

/** Starts the controller in its namespaces. */
function spawnController({ outer, inner }: MeshPlaces): ChildProcess {
  const mounts = isRootless() ? rootlessMounts : 'shift 2';
  // The first process of a namespace must reap orphans. Node reaps only its own children, but a shell reaps all.
  const init = ['sh', '-c', `${mounts}\n"$@"; exit $?`, 'sh', outer, inner];
  const controller = [process.execPath, ...process.execArgv, programFile('istio/host/controller')];
  const [program = '', ...args] = [...namespaceCommand(), ...init, ...controller];
  return spawn(program, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: systemPath() },
  });
}
