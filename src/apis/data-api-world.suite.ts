// Calls an API as a connection would, through the real codec: the request is encoded and decoded at its version, and so
// is the answer. For the tests of the APIs on partitions.
import { PartitionWorld } from '../partition/partition-world.suite.ts';
import {
  type Api,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestInputOf,
  type ResponseOf,
} from '../protocol/api.ts';
import type { ApiHandler, ConnectionInfo } from './api.ts';

export class TestConnection implements ConnectionInfo {
  readonly id = 1;
  readonly listener = 'PLAINTEXT';
  readonly localAddress = '127.0.0.1';
  readonly localPort = 9092;
  readonly remoteAddress = '127.0.0.1';
  readonly principal = { type: 'User', name: 'ANONYMOUS' };
  softwareName = 'test';
  softwareVersion = '1';
  closed = false;
  closedBecause: string | undefined;
  mutedMs: number | undefined;
  readonly listeners = new Set<() => void>();

  mute(forMs: number): void {
    this.mutedMs = forMs;
  }

  close(reason: string): void {
    this.closedBecause = reason;
  }

  onClosed(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The peer goes away. */
  drop(): void {
    this.closed = true;
    for (const listener of [...this.listeners]) listener();
  }
}

/** One call: `answer` is undefined until there is one, null when there will be none. */
export class Call<A extends Api> {
  answer: ResponseOf<A> | null | undefined;
  readonly connection: TestConnection;
  /** Resolves when its connection would take the next request. */
  dispatched: Promise<void> = Promise.resolve();

  constructor(connection: TestConnection) {
    this.connection = connection;
  }

  /** The answer, which must be there. */
  get got(): ResponseOf<A> {
    if (this.answer === undefined || this.answer === null) throw new Error('not answered');
    return this.answer;
  }
}

export function call<A extends Api>(
  api: A,
  // biome-ignore lint/suspicious/noExplicitAny: as the registry hands them over
  handler: ApiHandler<any, any>,
  version: number,
  request: RequestInputOf<A>,
  options: { clientId?: string; connection?: TestConnection } = {},
): Call<A> {
  const made = new Call<A>(options.connection ?? new TestConnection());
  const bytes = Buffer.concat(encodeRequest(api, version, request));
  const context = {
    apiKey: api.key,
    apiVersion: version,
    correlationId: 1,
    clientId: options.clientId ?? 'test',
    connection: made.connection,
    requestBytes: bytes.length,
  };
  let answered = false;
  const dispatched = handler.dispatch(decodeRequest(api, version, bytes), context, (response) => {
    if (answered) throw new Error('answered twice');
    answered = true;
    made.answer =
      response === null
        ? null
        : (decodeResponse(api, version, Buffer.concat(encodeResponse(api, version, response))) as ResponseOf<A>);
  });
  if (dispatched !== undefined) made.dispatched = dispatched;
  return made;
}

/** Lets everything that only waits for promises happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** What the handlers take from their surroundings. */
export function dependenciesOf(world: PartitionWorld) {
  return {
    metadata: world.metadata,
    partitions: world.partitions,
    storage: world.storage,
    settings: world.configs.broker,
    clock: world.time,
    timers: world.time,
    random: world.random,
    log: world.log,
    brokerId: 1,
  };
}

export { PartitionWorld };
