// `ottla serve`, which is also `ottla` alone: runs a broker until it is told to stop.
import { resolve } from 'node:path';
import { openBroker } from '../broker.ts';
import { FileError } from '../runtime/files.ts';
import { settingsFrom } from '../settings/start-options.ts';
import { type Durability, parseProperties, type Settings, SettingsError } from '../settings.ts';
import { collect, keyValuePairs, wholeNumber } from './arguments.ts';
import { CommandFailure } from './command-failure.ts';
import { Command, InvalidArgumentError, Option } from './commander.ts';
import { DEFAULT_BOOTSTRAP } from './connection.ts';
import { formatDuration } from './table.ts';
import type { CommandWorld } from './world.ts';

const DEFAULTS = { data: './ottla-data', host: '127.0.0.1', port: 9092 };

export interface ServeOptions {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly durability?: Durability;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly advertise?: string;
  readonly allowUnauthenticatedNetworkAccess?: boolean;
  readonly json?: boolean;
  readonly testing?: boolean;
  readonly controlPort?: number;
  readonly brokers?: number;
}

export function serveCommand(world: CommandWorld): Command {
  return new Command('serve')
    .description('start a broker (what `ottla` alone does)')
    .option('-p, --port <n>', `TCP port; 0 takes a free one (default: ${DEFAULTS.port})`, wholeNumber(0, 65_535))
    .option('--host <address>', `address to listen on (default: ${DEFAULTS.host})`)
    .option('-d, --data <directory>', `where everything is kept (default: ${DEFAULTS.data})`)
    .addOption(
      new Option(
        '--durability <level>',
        'what an acknowledged write survives: fsync a power cut, os a killed process, memory nothing (default: fsync)',
      ).choices(['fsync', 'os', 'memory']),
    )
    .option('-c, --config <file>', 'settings in a server.properties file')
    .option('-s, --set <key=value>', 'one setting, stronger than the file; may be repeated', collect)
    .option(
      '--advertise <host:port>',
      'the address that clients are told to connect to (default: the one they dialled)',
      hostAndPort,
    )
    .option(
      '--allow-unauthenticated-network-access',
      'listen where others on the network can reach it although nobody has to log in',
    )
    .option('--testing', 'a broker for tests, in memory, with a control port: clock, faults, journal, copies')
    .option(
      '--control-port <n>',
      'with --testing: TCP port of the control port (default: a free one)',
      wholeNumber(0, 65_535),
    )
    .option('--brokers <n>', 'with --testing: how many brokers clients see (default: 1)', wholeNumber(1, 100))
    .option('--json', 'print the ready line as JSON')
    .addHelpText(
      'after',
      `
Examples:
  ottla
  ottla serve --port 9093 --data /var/lib/ottla
  ottla serve --config server.properties --set num.partitions=4
  ottla serve --testing --port 0 --json       for test suites of any language: docs/guide/testing.md
  ottla serve --config secure.properties      TLS, logins, access control: docs/security.md`,
    )
    .action((options: ServeOptions) => serve(world, options));
}

async function serve(world: CommandWorld, options: ServeOptions): Promise<void> {
  if (options.testing === true) return (await import('./serve-testing.ts')).serveTesting(world, options, DEFAULTS.port);
  if (options.controlPort !== undefined || options.brokers !== undefined) {
    throw new CommandFailure('--control-port and --brokers go with --testing.', 2);
  }
  const settings = await settingsOf(world, options);
  for (const warning of settings.warnings) world.errors.line(`ottla: ${warning}`);
  const directory = settings.dataDirectory === null ? null : resolve(world.workingDirectory, settings.dataDirectory);
  const broker = await openBroker({ runtime: world.runtime, settings, directory });
  sayReady(world, options, settings, broker.host, broker.port);
  const interrupted = interruption(world);
  // `closed` rejects when the broker has to give up by itself; its sentence becomes ours.
  await Promise.race([interrupted, broker.closed]);
  if (world.errors.isTerminal) world.errors.line('stopping …');
  await broker.close();
}

/** Resolves when the command is told to stop. */
export function interruption(world: CommandWorld): Promise<void> {
  return new Promise<void>((resolveInterrupted) => {
    if (world.interrupted.aborted) resolveInterrupted();
    world.interrupted.addEventListener('abort', () => resolveInterrupted(), { once: true });
  });
}

async function settingsOf(world: CommandWorld, options: ServeOptions): Promise<Settings> {
  const { data, durability, host, port, advertise, allowUnauthenticatedNetworkAccess } = options;
  const properties =
    options.config === undefined ? undefined : parseProperties(await readConfig(world, options.config));
  const settings = Object.fromEntries(keyValuePairs(options.set ?? [], '--set num.partitions=4'));
  try {
    return settingsFrom(
      { data, durability, host, port, advertise, allowUnauthenticatedNetworkAccess, properties, settings },
      DEFAULTS,
    );
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new CommandFailure(error.problems.join('\nottla: '), 1, error);
  }
}

export async function readConfig(world: CommandWorld, file: string): Promise<string> {
  try {
    return (await world.runtime.files.readFile(resolve(world.workingDirectory, file))).toString('utf8');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CommandFailure(
      `--config ${file} cannot be read (${error.code}); name a readable server.properties file.`,
      1,
      error,
    );
  }
}

function sayReady(world: CommandWorld, options: ServeOptions, settings: Settings, host: string, port: number): void {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const ms = world.uptimeMs();
  if (options.json) {
    world.output.json({
      ready: address,
      host,
      port,
      data: settings.dataDirectory,
      durability: settings.durability,
      ms: Math.round(ms),
    });
    return;
  }
  const kept = settings.dataDirectory === null ? 'in memory' : `data ${settings.dataDirectory}`;
  world.output.line(`ottla ready on ${address} (${kept}, ${formatDuration(ms)})`);
  if (!world.output.isTerminal) return;
  const elsewhere = address === DEFAULT_BOOTSTRAP ? '' : ` --bootstrap-server ${address}`;
  world.output.line(`
Point any Kafka client at ${address}, or in another terminal:
  echo hello | ottla produce greetings${elsewhere}
  ottla consume greetings${elsewhere}
Ctrl-C stops it; nothing acknowledged is lost.`);
}

function hostAndPort(text: string): string {
  const parts = /^(?:\[[0-9a-fA-F:.]+\]|[^:\s[\]]+):(\d{1,5})$/.exec(text);
  if (parts === null || Number(parts[1]) < 1 || Number(parts[1]) > 65_535)
    throw new InvalidArgumentError('Write host:port.');
  return text;
}
