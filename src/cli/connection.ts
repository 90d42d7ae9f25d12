// How the commands reach a broker: `--bootstrap-server`, else OTTLA_BOOTSTRAP, else the place where `ottla` listens when told nothing.
import type { ClientSecurity } from '../client/broker-connection.ts';
import { type Client, connectClient } from '../client/client.ts';
import { ClientError } from '../client/client-error.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { NetworkError } from '../runtime/network.ts';
import { clientSecurity, type SecurityOptions, withSecurityOptions } from './client-security.ts';
import { CommandFailure } from './command-failure.ts';
import type { Command } from './commander.ts';
import { remedyFor } from './remedies.ts';
import type { CommandWorld } from './world.ts';

/** The broker is there, and does not know who asks. */
const LOGIN_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.SASL_AUTHENTICATION_FAILED,
  ErrorCode.UNSUPPORTED_SASL_MECHANISM,
  ErrorCode.ILLEGAL_SASL_STATE,
]);

export const DEFAULT_BOOTSTRAP = '127.0.0.1:9092';

export interface ConnectionOptions extends SecurityOptions {
  readonly bootstrapServer?: string;
  readonly json?: boolean;
}

/** The options that every command which talks to a broker has. */
export function withConnectionOptions(command: Command): Command {
  return withSecurityOptions(
    command
      .option('--bootstrap-server <host:port>', `the broker (or OTTLA_BOOTSTRAP; default ${DEFAULT_BOOTSTRAP})`)
      .option('--json', 'print JSON for programs'),
  );
}

/** Connects, works, and closes whatever happened. */
export async function withClient<Result>(
  world: CommandWorld,
  options: ConnectionOptions,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const bootstrapServers = options.bootstrapServer ?? world.env.OTTLA_BOOTSTRAP ?? DEFAULT_BOOTSTRAP;
  const client = await connect(world, bootstrapServers, await clientSecurity(world, options));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function connect(world: CommandWorld, bootstrapServers: string, security: ClientSecurity): Promise<Client> {
  try {
    return await connectClient(world.runtime, bootstrapServers, { clientId: 'ottla-cli', security });
  } catch (error) {
    if (error instanceof ClientError && LOGIN_ERRORS.has(error.errorCode)) {
      throw new CommandFailure(`${bootstrapServers} refused the login: ${error.message}.`, 1, error);
    }
    throw new CommandFailure(
      `no broker answers at ${bootstrapServers} (${error instanceof Error ? error.message : String(error)}); ` +
        `${remedyOf(error, security)}.`,
      1,
      error,
    );
  }
}

function remedyOf(error: unknown, security: ClientSecurity): string {
  const fault = networkFault(error);
  if (fault === undefined) return 'if it wants TLS or a login, see --tls and --user';
  // Handshakes fail with OpenSSL's codes.
  if (security.tls && !/^E(?!PROTO$)[A-Z]+$/.test(fault.code)) return 'look at its certificate and at --tls-ca';
  return 'start one with `ottla`, or name another with --bootstrap-server';
}

/** Why not even a connection could be made; undefined when one was. */
function networkFault(error: unknown): NetworkError | undefined {
  if (error instanceof NetworkError) return error;
  return error instanceof Error && error.cause !== undefined ? networkFault(error.cause) : undefined;
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
