import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Containers } from './containers.ts';

/** Fields of a service in our compose file. The tests refuse other fields, so that each one is tested. */
interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Published ports, each as `HOST:PORT:PORT`. */
  readonly ports?: readonly string[];
}

export const composeFile = new URL('../../compose.yaml', import.meta.url);

/** Reads the services of the compose file. */
export function readCompose(): Record<string, ComposeService> {
  const { services } = parse(readFileSync(composeFile, 'utf8'), { merge: true }) as {
    services: Record<string, ComposeService>;
  };
  return services;
}

/**
 * Runs a service of the compose file as `docker compose` would, but publishes it on free ports.
 *
 * @param image image to run in place of that in the file
 * @param more further arguments of the program
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
      // Podman would mount writable folders. Docker does not.
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
