// How the commands reach a broker: `--bootstrap-server`, else OTTLA_BOOTSTRAP, else the place where `ottla` listens when told nothing.
import type { Command } from 'commander';
import { type Client, connectClient } from '../client/client.ts';
import { errorName } from '../protocol/error-code.ts';
import { CommandFailure } from './command-failure.ts';
import { remedyFor } from './remedies.ts';
import type { CommandWorld } from './world.ts';

export const DEFAULT_BOOTSTRAP = '127.0.0.1:9092';

export interface ConnectionOptions {
  readonly bootstrapServer?: string;
  readonly json?: boolean;
}

/** The options that every command which talks to a broker has. */
export function withConnectionOptions(command: Command): Command {
  return command
    .option('--bootstrap-server <host:port>', `the broker (or OTTLA_BOOTSTRAP; default ${DEFAULT_BOOTSTRAP})`)
    .option('--json', 'print JSON for programs');
}

/** Connects, works, and closes whatever happened. */
export async function withClient<Result>(
  world: CommandWorld,
  options: ConnectionOptions,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const bootstrapServers = options.bootstrapServer ?? world.env.OTTLA_BOOTSTRAP ?? DEFAULT_BOOTSTRAP;
  const client = await connect(world, bootstrapServers);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function connect(world: CommandWorld, bootstrapServers: string): Promise<Client> {
  try {
    return await connectClient(world.runtime, bootstrapServers, { clientId: 'ottla-cli' });
  } catch (error) {
    throw new CommandFailure(
      `no broker answers at ${bootstrapServers} (${error instanceof Error ? error.message : String(error)}); ` +
        'start one with `ottla`, or name another with --bootstrap-server.',
      1,
      error,
    );
  }
}

/** Kafka's error in a sentence: what was tried, the broker's own words when it sent some, and what to do when that is known. */
export function brokerRefusal(
  what: string,
  errorCode: number,
  brokerMessage?: string | null,
  name: string = errorName(errorCode),
): CommandFailure {
  const words = brokerMessage ? `: ${brokerMessage.replace(/\.$/, '')}` : '';
  const remedy = remedyFor(errorCode);
  return new CommandFailure(`${what} (${name}${words})${remedy === undefined ? '' : `; ${remedy}`}.`);
}
