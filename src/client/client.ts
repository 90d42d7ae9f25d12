// A client of one cluster: connections to its brokers, what its metadata says, and requests sent to the right broker.
// Producer, Consumer and Admin stand on it. Invariant: at most one connection per broker and lane.
import type { Api } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { metadata as metadataApi } from '../protocol/messages/metadata.ts';
import { sleep } from '../runtime/runtime.ts';
import { type Address, parseBootstrapServers } from './bootstrap-servers.ts';
import { type ApiRange, BrokerConnection, type ClientRuntime, type ConnectionOptions } from './broker-connection.ts';
import { ClientError } from './client-error.ts';

export type { ClientRuntime } from './broker-connection.ts';

export interface ClientOptions extends Partial<ConnectionOptions> {
  /** How old metadata may be before it is asked for again. */
  readonly metadataMaxAgeMs?: number;
  /** Retries wait this long at first, twice as long each time, up to the maximum. */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** How long an operation with retries may take altogether. */
  readonly operationTimeoutMs?: number;
}

const DEFAULTS = {
  clientId: 'ottla',
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  inFlightRequestsMax: 64,
  responseBytesMax: 256 * 1024 * 1024,
  metadataMaxAgeMs: 300_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1_000,
  operationTimeoutMs: 60_000,
  security: {},
};

/** The first wait for a topic that is being created. */
const CREATION_BACKOFF_MS = 1;

export interface Node {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface Cluster {
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly brokers: readonly Node[];
}

export interface TopicMetadata {
  readonly name: string;
  /** ZERO_UUID from brokers that know no topic ids. */
  readonly topicId: string;
  readonly internal: boolean;
  /** Index = partition. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly partition: number;
  /** −1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
}

export interface RequestOptions {
  /** Absent: any broker. */
  readonly nodeId?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxVersion?: number | undefined;
  readonly noResponse?: boolean | undefined;
  /** Requests of one lane share a connection, where answers come in order: long polls need a lane of their own. */
  readonly lane?: string | undefined;
}

/**
 * Connects to the first bootstrap server that answers (`host:port,host:port`) and reads the cluster's metadata.
 * Rejects with ClientError.
 */
export async function connectClient(
  runtime: ClientRuntime,
  bootstrapServers: string | readonly string[],
  options: ClientOptions = {},
): Promise<Client> {
  const client = new Client(runtime, parseBootstrapServers(bootstrapServers), options);
  try {
    await client.refreshMetadata([]);
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

export class Client {
  readonly runtime: ClientRuntime;
  readonly options: Required<ClientOptions>;
  readonly #bootstrap: readonly Address[];
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  readonly #topics = new Map<string, { readonly topic: TopicMetadata; readonly atMs: number }>();
  #cluster: Cluster = { clusterId: null, controllerId: -1, brokers: [] };
  #closed = false;

  constructor(runtime: ClientRuntime, bootstrap: readonly Address[], options: ClientOptions = {}) {
    this.runtime = runtime;
    this.#bootstrap = bootstrap;
    this.options = { ...DEFAULTS, ...options };
  }

  /** As of the last metadata answer. */
  get cluster(): Cluster {
    return this.#cluster;
  }

  /** Sends one request, without retrying. */
  async request<Response, Input>(
    api: Api<unknown, Response, Input>,
    body: NoInfer<Input>,
    options: RequestOptions = {},
  ): Promise<Response> {
    const connection = await this.#connectionTo(options.nodeId, options.lane ?? '');
    return connection.request(api, body, {
      ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
      ...(options.maxVersion !== undefined && { maxVersion: options.maxVersion }),
      ...(options.noResponse !== undefined && { noResponse: options.noResponse }),
    });
  }

  /** The versions that a broker says it speaks, by API key. */
  async versions(nodeId?: number): Promise<ReadonlyMap<number, ApiRange>> {
    return (await this.#connectionTo(nodeId, '')).versions;
  }

  /** The features in force in the cluster, by name, with their levels. */
  async finalizedFeatures(nodeId?: number): Promise<ReadonlyMap<string, number>> {
    return (await this.#connectionTo(nodeId, '')).finalizedFeatures;
  }

  /** Repeats `operation` while it fails with a retriable ClientError, waiting longer each time, until time is up. */
  async retrying<T>(
    operation: () => Promise<T>,
    timeoutMs = this.options.operationTimeoutMs,
    firstBackoffMs = this.options.retryBackoffMs,
  ): Promise<T> {
    const deadlineMs = this.runtime.clock.monotonicMs() + timeoutMs;
    for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, this.options.retryBackoffMaxMs)) {
      try {
        return await operation();
      } catch (error) {
        const retriable = error instanceof ClientError && error.retriable && !this.#closed;
        if (!retriable || this.runtime.clock.monotonicMs() + backoffMs >= deadlineMs) {
          throw error;
        }
      }
      await sleep(this.runtime.timers, backoffMs);
    }
  }

  /**
   * Metadata of one topic, from memory while it is fresh. Rejects with UNKNOWN_TOPIC_OR_PARTITION (and the like); retries
   * what is worth retrying when `waitMs` is given.
   */
  async topic(
    name: string,
    options: { refresh?: boolean; allowAutoTopicCreation?: boolean; waitMs?: number } = {},
  ): Promise<TopicMetadata> {
    const known = this.#topics.get(name);
    const freshMs = this.runtime.clock.monotonicMs() - this.options.metadataMaxAgeMs;
    if (known && !options.refresh && known.atMs > freshMs) {
      return known.topic;
    }
    const ask = () => this.#askTopic(name, options.allowAutoTopicCreation ?? false);
    if (options.waitMs === undefined) return ask();
    // The answer that begins a creation does not have the topic; a moment later it is there.
    return this.retrying(ask, options.waitMs, options.allowAutoTopicCreation ? CREATION_BACKOFF_MS : undefined);
  }

  /** The next use of this topic asks for its metadata again. */
  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  /** Asks for the metadata of these topics (null: all); topics with an error are left out of the result. */
  async refreshMetadata(topics: readonly string[] | null, allowAutoTopicCreation = false): Promise<TopicMetadata[]> {
    const { good } = await this.#askMetadata(topics, allowAutoTopicCreation);
    return good;
  }

  /** The broker that leads a partition; asks again while there is none, up to `waitMs`. */
  async leader(topic: string, partition: number, waitMs = this.options.operationTimeoutMs): Promise<number> {
    let refresh = false;
    return this.retrying(async () => {
      const found = (await this.topic(topic, { refresh })).partitions[partition];
      refresh = true;
      if (found === undefined) {
        throw new ClientError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${topic} has no partition ${partition}`);
      }
      if (found.leader < 0) {
        throw new ClientError(ErrorCode.LEADER_NOT_AVAILABLE, `partition ${partition} of topic ${topic} has no leader`);
      }
      return found.leader;
    }, waitMs);
  }

  /** Breaks all connections; what is under way rejects with CLOSED. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) {
      connection.then((open) => open.close()).catch(() => {});
    }
    this.#connections.clear();
  }

  async #askTopic(name: string, allowAutoTopicCreation: boolean): Promise<TopicMetadata> {
    const { good, errors } = await this.#askMetadata([name], allowAutoTopicCreation);
    const topic = good.find((candidate) => candidate.name === name);
    if (topic === undefined) {
      const errorCode = errors.get(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      throw new ClientError(errorCode, sentenceFor(errorCode, name));
    }
    return topic;
  }

  async #askMetadata(
    topics: readonly string[] | null,
    allowAutoTopicCreation: boolean,
  ): Promise<{ good: TopicMetadata[]; errors: Map<string, number> }> {
    const response = await this.request(metadataApi, {
      topics: topics === null ? null : topics.map((name) => ({ name })),
      allowAutoTopicCreation,
    });
    this.#cluster = {
      clusterId: response.clusterId,
      controllerId: response.controllerId,
      brokers: response.brokers.map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack })),
    };
    const atMs = this.runtime.clock.monotonicMs();
    const good: TopicMetadata[] = [];
    const errors = new Map<string, number>();
    for (const answer of response.topics) {
      const name = answer.name ?? '';
      if (answer.errorCode !== ErrorCode.NONE) {
        errors.set(name, answer.errorCode);
        this.#topics.delete(name);
        continue;
      }
      const topic: TopicMetadata = {
        name,
        topicId: answer.topicId,
        internal: answer.isInternal,
        partitions: answer.partitions
          .map((partition) => ({
            partition: partition.partitionIndex,
            leader: partition.leaderId,
            leaderEpoch: partition.leaderEpoch,
            replicas: partition.replicaNodes,
            isr: partition.isrNodes,
            offlineReplicas: partition.offlineReplicas,
          }))
          .sort((a, b) => a.partition - b.partition),
      };
      good.push(topic);
      this.#topics.set(name, { topic, atMs });
    }
    return { good, errors };
  }

  async #connectionTo(nodeId: number | undefined, lane: string): Promise<BrokerConnection> {
    if (this.#closed) {
      throw new ClientError('CLOSED', 'the client was closed');
    }
    if (nodeId === undefined) {
      return this.#anyConnection(lane);
    }
    let node = this.#cluster.brokers.find((broker) => broker.id === nodeId);
    if (node === undefined) {
      await this.refreshMetadata([]);
      node = this.#cluster.brokers.find((broker) => broker.id === nodeId);
    }
    if (node === undefined) {
      throw new ClientError(ErrorCode.BROKER_NOT_AVAILABLE, `the cluster has no broker ${nodeId}`);
    }
    return this.#connect(node, lane);
  }

  /** Known brokers first, then the bootstrap servers; the first that can be reached. */
  async #anyConnection(lane: string): Promise<BrokerConnection> {
    const failures: string[] = [];
    let cause: unknown;
    const tried = new Set<string>();
    for (const address of [...this.#cluster.brokers, ...this.#bootstrap]) {
      const key = `${address.host}:${address.port}`;
      if (tried.has(key)) {
        continue;
      }
      tried.add(key);
      try {
        return await this.#connect(address, lane);
      } catch (error) {
        if (!(error instanceof ClientError) || !error.retriable) {
          throw error;
        }
        failures.push(error.message);
        cause ??= error;
      }
    }
    throw new ClientError('NO_BROKER_REACHABLE', `no broker can be reached: ${failures.join('; ')}`, cause);
  }

  #connect(address: Address, lane: string): Promise<BrokerConnection> {
    const key = `${address.host}:${address.port}/${lane}`;
    const known = this.#connections.get(key);
    if (known) {
      return known;
    }
    const { host, port } = address;
    const opening: Promise<BrokerConnection> = BrokerConnection.open(this.runtime, { host, port }, this.options, () => {
      if (this.#connections.get(key) === opening) {
        this.#connections.delete(key);
      }
    });
    this.#connections.set(key, opening);
    opening.then(
      (connection) => {
        if (this.#closed) {
          connection.close();
        }
      },
      () => {
        if (this.#connections.get(key) === opening) {
          this.#connections.delete(key);
        }
      },
    );
    return opening;
  }
}

function sentenceFor(errorCode: number, topic: string): string {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return `topic ${topic} does not exist`;
    case ErrorCode.INVALID_TOPIC_EXCEPTION:
      return `${JSON.stringify(topic)} is not a valid topic name`;
    default:
      return `the broker gave no metadata for topic ${topic}`;
  }
}
