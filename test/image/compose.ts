import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Containers } from './containers.ts';

/** What our compose file uses of the specification; anything else is refused, so that nothing in it goes untested. */
interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Each `HOST:PORT:PORT`. */
  readonly ports?: readonly string[];
}

export const composeFile = new URL('../../compose.yaml', import.meta.url);

export function readCompose(): Record<string, ComposeService> {
  const { services } = parse(readFileSync(composeFile, 'utf8'), { merge: true }) as {
    services: Record<string, ComposeService>;
  };
  return services;
}

/**
 * Runs a service of the file as `docker compose` would, but publishes it on free ports.
 *
 * @param image runs in the place of the one in the file, with `more` arguments
 */
export async function runService(
  { podman }: Containers,
  { name, network, image }: { readonly name: string; readonly network: string; readonly image: string },
  service: ComposeService,
  more: readonly string[] = [],
): Promise<void> {
  await podman(
    'run',
    '--detach',
    `--name=${name}`,
    `--network=${network}`,
    ...Object.entries(service).flatMap(([key, value]) => flagsOf(key as keyof ComposeService, value)),
    image,
    ...(service.command ?? []),
    ...more,
  );
}

function flagsOf(key: keyof ComposeService, value: unknown): string[] {
  const each = (flag: string): string[] => (value as string[]).map((item) => `${flag}=${item}`);
  switch (key) {
    case 'image':
    case 'build':
    case 'command':
      return [];
    case 'read_only':
      // Docker mounts nothing writable for it.
      return ['--read-only', '--read-only-tmpfs=false'];
    case 'cap_drop':
      return each('--cap-drop');
    case 'security_opt':
      return each('--security-opt');
    case 'stop_grace_period':
      return [`--stop-timeout=${Number.parseInt(String(value), 10)}`];
    case 'environment':
      return Object.entries(value as object).map(([variable, content]) => `--env=${variable}=${content}`);
    case 'ports':
      return (value as string[]).map((port) => `--publish=${port.replace(/:\d+:/, '::')}`);
    default:
      throw new Error(`compose.yaml has "${key satisfies never}", which test/image/compose.ts does not know`);
  }
}
