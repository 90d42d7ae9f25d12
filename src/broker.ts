// The composition root: settings and a runtime become a wired broker, which ends in the opposite order. A broker has one
// life after another: when a commit fails, nothing of it is acknowledged, the connections close, memory is discarded and
// a new life is built from the log, over the same data and ports. Invariant: nothing listens before everything that was
// acknowledged is readable again.
import { registryOf } from './apis/every-api.ts';
import { features, transactionVersion } from './apis/features.ts';
import type { AnyApiHandler } from './apis/registry.ts';
import { GroupCoordinator } from './group/coordinator.ts';
import type { BrokerConfig } from './metadata/configs/broker-definitions.ts';
import { Configs } from './metadata/configs/configs.ts';
import { DelegationTokens } from './metadata/delegation-tokens.ts';
import type { Endpoint, Image, Metadata, MetadataChange } from './metadata/image.ts';
import { openMetadata } from './metadata/metadata-log.ts';
import { ProducerIds } from './metadata/producer-ids.ts';
import { CONSUMER_OFFSETS } from './metadata/topic-name.ts';
import { Topics } from './metadata/topics.ts';
import { Metrics } from './metrics/metrics.ts';
import { openDirectoryStore } from './object-store/directory.ts';
import type { WriteMarker } from './partition/end-marker.ts';
import { Partitions } from './partition/partitions.ts';
import { ConnectionRates } from './quota/connection-rates.ts';
import { QuotaLimits } from './quota/quota-limits.ts';
import { loadCompression } from './records/compression.ts';
import { FileError, type Files } from './runtime/files.ts';
import { MemoryFiles } from './runtime/memory/memory-files.ts';
import { NetworkError } from './runtime/network.ts';
import type { Runtime, Timer } from './runtime/runtime.ts';
import type { Threads } from './runtime/threads.ts';
import { auditTo } from './security/audit.ts';
import { Authorizer } from './security/authorizer.ts';
import { openGates } from './security/listener-gates.ts';
import { storedCredentials } from './security/stored-credentials.ts';
import { TlsError } from './security/tls-terms.ts';
import { TokenSecrets } from './security/token-secrets.ts';
import { type ListenerAddress, startServer } from './server/server.ts';
import type { Settings } from './settings.ts';
import type { CleanerSettings, CleaningThreads } from './storage/cleaner.ts';
import { openStorage } from './storage/engine.ts';
import type { StorageSettings } from './storage/settings.ts';
import type { StorageError } from './storage/storage-error.ts';
import { TransactionCoordinator } from './transaction/coordinator.ts';

export interface BrokerOptions {
  readonly runtime: Runtime;
  readonly settings: Settings;
  /** Absolute, with '/' between parts; null keeps everything in memory. */
  readonly directory: string | null;
  /** Sizes of the engine that no setting has: for simulations, where a small log has to go round often. */
  readonly storage?: Partial<StorageSettings>;
  /** Puts something in front of every API, for a broker under test. */
  readonly intercept?: Intercept | undefined;
}

export type Intercept = (handler: AnyApiHandler, broker: InterceptedBroker) => AnyApiHandler;

/** What an interceptor may ask. */
export interface InterceptedBroker {
  readonly brokerId: number;
  /** Undefined for an id that no topic has. */
  topicName(topicId: string): string | undefined;
  /** As when the leader of a partition changes. */
  raiseLeaderEpoch(topic: string, partition: number): Promise<void>;
}

export interface Broker {
  /** Of the first listener, as bound. */
  readonly host: string;
  readonly port: number;
  /** Resolves after close; rejects with a BrokerFault when the broker had to give up by itself. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** The world refused something that the broker cannot be without. The message is a sentence with the remedy. */
export class BrokerFault extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BrokerFault';
    this.code = code;
  }
}

/** Resolves when clients are accepted. Rejects with an error that has a `code` and a sentence with the remedy. */
export async function openBroker({ runtime, settings, directory, storage, intercept }: BrokerOptions): Promise<Broker> {
  const files = directory === null ? new MemoryFiles({ nowMs: () => runtime.clock.nowMs() }) : runtime.files;
  const { threads, ...withoutThreads } = runtime;
  // What is in memory can be seen by one thread only.
  const own = directory === null || threads === undefined ? withoutThreads : runtime;
  const broker = new LivingBroker(
    { ...own, files, settingsFiles: runtime.files },
    settings,
    directory ?? '/memory',
    storage,
    intercept,
  );
  await broker.open();
  return broker;
}

/**
 * What the tail holds beyond its budget is filled by a stream, as fast as it comes, and emptied by a disk: a quarter of what requests may take is
 * enough to keep the disk at work. All of it made the broker half as large again, for nothing with 512 KB batches and an eighth more throughput with 1 MB ones.
 */
const EXCESS_WEIGHT = 4;

/** Data may be in memory; the files that settings name (certificates) are where they always are. */
interface BrokerRuntime extends Runtime {
  readonly settingsFiles: Files;
}

interface Life {
  readonly listeners: readonly ListenerAddress[];
  /** Over a full disk: nothing is appended before the next life. */
  readonly isReadOnly: boolean;
  /** The next life could write. */
  hasRoom(): Promise<boolean>;
  /** Answers what was received, flushes everything, marks the stop as clean. */
  end(): Promise<void>;
  /** Drops everything that is only in memory. */
  abandon(): Promise<void>;
}

async function beginLife(
  runtime: BrokerRuntime,
  settings: Settings,
  directory: string,
  storageOverrides: Partial<StorageSettings> | undefined,
  intercept: Intercept | undefined,
  listeners: readonly ListenerAddress[],
  opensFullDisk: boolean,
  onFailure: (error: StorageError) => void,
): Promise<Life> {
  const { clock, timers, random, files, log, threads } = runtime;
  const { nodeId: brokerId, durability, ottla } = settings;
  // Compiles on another thread while the disk is read (nothing to do where Node has its own zstd).
  const compression = loadCompression();
  compression.catch(() => {}); // awaited below, unless something else fails first
  await files.makeDirectory(directory);
  // First, because it takes the lock on the directory.
  const storage = await openStorage({
    runtime,
    directory,
    brokerId,
    durability,
    metrics: new Metrics(),
    settings: {
      walFileBytes: ottla.walFileBytes,
      walFiles: Math.ceil(ottla.walMaxBytes / ottla.walFileBytes),
      tailBytes: ottla.tailMaxBytes,
      // What is in use goes up and down by as much as requests may bring before a flush. Together it is no more than was in use.
      freeRegionBytesMax: ottla.tailMaxBytes + settings.requestMemoryMaxBytes,
      poisonsReleasedMemory: ottla.releasedMemoryPoison,
      // Not reached by clients that are made to wait, only by a disk that stands still for longer than their requests last.
      formingBytesMax: ottla.tailMaxBytes + 2 * settings.requestMemoryMaxBytes,
      retentionCheckMs: settings.broker.logRetentionCheckIntervalMs,
      ...storageOverrides,
    },
    opensFullDisk,
    onFailure,
  });
  const closeAll: (() => void)[] = [];
  try {
    const store = await openDirectoryStore({ files, random, directory, owner: `broker-${brokerId}` });
    const metadata = await openMetadata({ store, clock, random, log });
    await compression;
    const configs = new Configs({ metadata, nodeId: brokerId, staticValues: settings.staticValues });
    const topics = new Topics({
      metadata,
      configs,
      random,
      clampReplicationFactor: ottla.replicationFactorClamp,
      partitionsPerTopicMax: ottla.partitionsPerTopicMax,
    });
    // The life before has registered this broker, and epochs are raised by the next one that appends.
    if (!storage.isReadOnly) await metadata.commit((image) => changesAtStart(image, settings, storage.uncleanStart));
    const partitions = new Partitions({ metadata, configs, storage, clock, timers, brokerId });
    closeAll.push(() => partitions.close());
    storage.discardUnopened();
    storage.startCleaning(() => cleanerSettings(configs.broker), cleaningThreads(threads));
    const groups = new GroupCoordinator({ metadata, configs, partitions, storage, clock, timers, random, log });
    closeAll.push(() => groups.close());
    const security = await openSecurity(runtime, settings, metadata);
    closeAll.push(() => security.close());
    const producerIds = new ProducerIds(metadata);
    const writeMarker = writeMarkerTo(partitions, groups);
    const inForce = features(metadata);
    const transactions = new TransactionCoordinator({
      metadata,
      configs,
      partitions,
      storage,
      clock,
      timers,
      log,
      producerIds,
      writeMarker,
      transactionVersion: () => transactionVersion(inForce),
    });
    closeAll.push(() => transactions.close());
    const registry = registryOf({
      ...security,
      metadata,
      configs,
      topics,
      partitions,
      storage,
      groups,
      transactions,
      producerIds,
      writeMarker,
      files,
      clock,
      timers,
      random,
      log,
      brokerId,
      logDirectory: directory,
    });
    const intercepted: InterceptedBroker = {
      brokerId,
      topicName: (topicId) => metadata.image.topicsById.get(topicId)?.name,
      async raiseLeaderEpoch(topic, partition) {
        await metadata.commit((image) => {
          const topicId = image.topics.get(topic)?.id;
          if (topicId === undefined) return [];
          return [{ type: 'leader-epochs-raised', brokerId, only: { topicId, partition } }];
        });
      },
    };
    const server = await startServer({
      runtime,
      registry: intercept ? registry.wrapped((handler) => intercept(handler, intercepted)) : registry,
      listeners,
      gates: security.gates.byListener,
      login: settings.security,
      connectionRates: new ConnectionRates({
        limits: new QuotaLimits(metadata, 'connection_creation_rate'),
        clock,
        brokerRate: () => configs.broker.maxConnectionCreationRate,
        windows: configs.broker.quotaWindowNum,
        windowMs: configs.broker.quotaWindowSizeSeconds * 1000,
      }),
      limits: () => configs.broker,
      requestMemoryMaxBytes: settings.requestMemoryMaxBytes,
      memoryOwedBytes: () => EXCESS_WEIGHT * storage.excessBytes,
      regions: storage.regions,
    });
    storage.onExcessFell(() => server.memoryFreed());
    return {
      listeners: server.listeners,
      isReadOnly: storage.isReadOnly,
      hasRoom: () => storage.hasRoom(),
      async end() {
        await server.close();
        security.close();
        transactions.close();
        groups.close();
        partitions.close();
        await storage.close();
      },
      async abandon() {
        security.close();
        transactions.close();
        groups.close();
        await server.close(0);
        partitions.close();
        await storage.abandon();
      },
    };
  } catch (error) {
    // A life that is tried again and again must leave no timers behind.
    for (const close of closeAll.reverse()) close();
    await storage.abandon();
    throw error;
  }
}

/** Who may come in and do what, as the settings and the metadata say. */
async function openSecurity(runtime: BrokerRuntime, settings: Settings, metadata: Metadata) {
  const { clock, timers, random, log } = runtime;
  const { security, ottla } = settings;
  const tokens = new DelegationTokens(metadata, security.delegationTokens);
  const { secretKey, checkMs } = security.delegationTokens;
  const tokenSecrets = secretKey === null ? undefined : new TokenSecrets(secretKey, random);
  const authorizer =
    security.authorizer === null
      ? undefined
      : new Authorizer({ ...security.authorizer, metadata, audit: auditTo(log, clock, ottla.auditAllowed) });
  const gates = await openGates({
    runtime: { ...runtime, files: runtime.settingsFiles },
    security,
    directory: storedCredentials({ metadata, tokens, tokenSecrets, clock }),
    reloadMs: ottla.tlsReloadIntervalMs,
  });
  let sweep: Timer | undefined;
  const sweepLater = (): void => {
    sweep = timers.set(checkMs, () => {
      tokens
        .forgetEnded(clock.nowMs())
        .catch((error: Error) => log.warn('Ended tokens stay', { reason: error.message }));
      sweepLater();
    });
  };
  if (tokenSecrets) sweepLater();
  return {
    authorizer,
    gates,
    tokens,
    tokenSecrets,
    failedLoginDelayMs: security.failedLoginDelayMs,
    close() {
      sweep?.cancel();
      gates.close();
    },
  };
}

/** Undefined where somebody has packed all modules into one file: then there is none for a thread to start. */
function cleaningThreads(threads: Threads | undefined): CleaningThreads | undefined {
  const here: string | undefined = import.meta.url;
  if (threads === undefined || here === undefined) return undefined;
  return { threads, module: new URL('./cleaner-thread.js', here) };
}

function cleanerSettings(broker: BrokerConfig): CleanerSettings {
  return {
    enabled: broker.logCleanerEnable,
    threads: broker.logCleanerThreads,
    backoffMs: broker.logCleanerBackoffMs,
    dedupeBufferBytes: broker.logCleanerDedupeBufferSize,
    loadFactor: broker.logCleanerIoBufferLoadFactor,
    ioBufferBytes: broker.logCleanerIoBufferSize,
    ioBytesPerSecondMax: broker.logCleanerIoMaxBytesPerSecond,
  };
}

/** Ends of transactions go through the group coordinator where they decide what becomes of committed offsets. */
function writeMarkerTo(partitions: Partitions, groups: GroupCoordinator): WriteMarker {
  return (topic, partition, marker) => {
    if (topic === CONSUMER_OFFSETS) return groups.writeMarker(partition, marker);
    const found = partitions.byName(topic, partition);
    return found?.appendMarker(marker) ?? { errorCode: partitions.absence(topic, partition), ticket: undefined };
  };
}

/** Registers this broker, and raises the epochs of what it leads when its last stop was not clean. */
function changesAtStart(image: Image, settings: Settings, uncleanStart: boolean): MetadataChange[] {
  const { nodeId: id, broker } = settings;
  const endpoints: Endpoint[] = settings.advertisedListeners.map(({ name, securityProtocol, host, port }) => ({
    listener: name,
    securityProtocol,
    host,
    port,
  }));
  const self = { id, rack: broker.brokerRack, endpoints };
  const known = image.brokers.get(id);
  const changes: MetadataChange[] = [];
  if (JSON.stringify([known?.rack, known?.endpoints]) !== JSON.stringify([self.rack, endpoints])) {
    changes.push({ type: 'broker-registered', broker: self });
  }
  if (uncleanStart && image.topics.size > 0) changes.push({ type: 'leader-epochs-raised', brokerId: id });
  return changes;
}

/** After a full disk made a commit fail, a new life is tried this often; and whether one that writes could begin. */
const REOPEN_MS = 2_000;

class LivingBroker implements Broker {
  readonly closed: Promise<void>;
  readonly #runtime: BrokerRuntime;
  readonly #settings: Settings;
  readonly #directory: string;
  readonly #storage: Partial<StorageSettings> | undefined;
  readonly #intercept: Intercept | undefined;
  /** A later life listens on the very same ports. */
  #listeners: readonly ListenerAddress[];
  #life: Life | undefined;
  /** Everything that begins or ends a life, one after the other. */
  #steps: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #resolveClosed!: () => void;
  #rejectClosed!: (fault: unknown) => void;

  constructor(
    runtime: BrokerRuntime,
    settings: Settings,
    directory: string,
    storage: Partial<StorageSettings> | undefined,
    intercept: Intercept | undefined,
  ) {
    this.#runtime = runtime;
    this.#intercept = intercept;
    this.#storage = storage;
    this.#settings = settings;
    this.#directory = directory;
    this.#listeners = settings.listeners;
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    this.closed.catch(() => {}); // whoever cares looks at it, nobody has to
  }

  get host(): string {
    return this.#listeners[0]?.host || '0.0.0.0';
  }

  get port(): number {
    return this.#listeners[0]?.port ?? 0;
  }

  /** The first life. A failure of it waits until it has begun, so that there is something to abandon. */
  open(): Promise<void> {
    return this.#step(() => this.#begin(false)).catch((error) => {
      this.#closing ??= Promise.resolve();
      throw error;
    });
  }

  async #begin(opensFullDisk: boolean): Promise<void> {
    try {
      const life = await beginLife(
        this.#runtime,
        this.#settings,
        this.#directory,
        this.#storage,
        this.#intercept,
        this.#listeners,
        opensFullDisk,
        (error) => this.#failed(error),
      );
      this.#life = life;
      this.#listeners = life.listeners;
    } catch (error) {
      throw this.#asFault(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#step(async () => {
      await this.#life?.end();
      this.#life = undefined;
    }).then(this.#resolveClosed, (error) => {
      this.#rejectClosed(this.#asFault(error));
      throw this.#asFault(error);
    });
    return this.#closing;
  }

  /** The engine cannot go on: a commit failed, or background work that cannot be left undone. */
  #failed(error: StorageError): void {
    this.#runtime.log.error('The engine stopped', { code: error.code, reason: error.message });
    void this.#step(async () => {
      await this.#life?.abandon();
      this.#life = undefined;
      if (error.code === 'FULL') await this.#beginAgain();
      else this.#giveUp(error);
    });
  }

  async #beginAgain(): Promise<void> {
    while (this.#closing === undefined) {
      try {
        await this.#begin(true);
        const life = this.#life!;
        if (life.isReadOnly) {
          this.#runtime.log.warn('The broker is open for reading only: the disk is full');
          this.#leaveWhenThereIsRoom(life);
        } else {
          this.#runtime.log.info('The broker is open again');
        }
        return;
      } catch (error) {
        this.#runtime.log.warn('The broker cannot be opened again yet', { reason: (error as Error).message });
      }
      await new Promise<void>((resolve) => this.#runtime.timers.set(REOPEN_MS, resolve));
    }
  }

  #leaveWhenThereIsRoom(life: Life): void {
    this.#runtime.timers.set(REOPEN_MS, async () => {
      const isOver = () => this.#closing !== undefined || this.#life !== life;
      if (isOver()) return;
      const hasRoom = await life.hasRoom();
      if (isOver()) return;
      if (!hasRoom) return this.#leaveWhenThereIsRoom(life);
      void this.#step(async () => {
        if (isOver()) return;
        this.#life = undefined;
        await life.abandon();
        await this.#beginAgain();
      });
    });
  }

  #giveUp(error: StorageError): void {
    if (this.#closing !== undefined) return;
    this.#closing = Promise.resolve();
    const sentence = `the data directory ${this.#directory} failed (${error.message}); repair the disk and start again.`;
    this.#rejectClosed(new BrokerFault(error.code, sentence, error));
  }

  #step(work: () => Promise<void>): Promise<void> {
    const step = this.#steps.then(work);
    this.#steps = step.catch(() => {});
    return step;
  }

  #asFault(error: unknown): unknown {
    if (error instanceof NetworkError) {
      const address = this.#listeners.map(({ host, port }) => `${host || '0.0.0.0'}:${port}`).join(' or ');
      if (error.code === 'TLS') return new BrokerFault(error.code, `${error.message}; look at ssl.keystore.*.`, error);
      const sentence =
        error.code === 'EADDRINUSE'
          ? `${address} is in use by another program; stop it, or choose another port (--port; 0 takes a free one).`
          : `cannot listen on ${address} (${error.code}); choose another address (--host, --port).`;
      return new BrokerFault(error.code, sentence, error);
    }
    if (error instanceof FileError) {
      const sentence = `cannot use the data directory ${this.#directory} (${error.message}); choose another (--data).`;
      return new BrokerFault(error.code, sentence, error);
    }
    if (error instanceof TlsError) return new BrokerFault('TLS', `${error.message}.`, error);
    return error;
  }
}
