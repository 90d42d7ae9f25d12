// A broker for tests: the production broker over a disk in memory and a virtual clock, that can be crashed, started again, copied
// and watched. One run follows another over the same disk, port, clock, faults and journal.

import type { Ask } from '../administration.ts';
import {
  asking,
  type BrokerGroups,
  type BrokerTransactions,
  brokerGroups,
  brokerTransactions,
  dialable,
} from '../administration.ts';
import type { RequestContext } from '../apis/api.ts';
import { type Broker, type InterceptedBroker, openBroker } from '../broker.ts';
import { copyTree, MemoryDirectory } from '../runtime/memory/memory-files.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Settings } from '../settings.ts';
import { BrokerProcess, type TestDisk } from './broker-process.ts';
import { type Duration, durationMs } from './duration.ts';
import { type ExactlyOnceOptions, judge, type Verdict } from './exactly-once.ts';
import type { CrashAction } from './fault.ts';
import { Faults } from './faults.ts';
import { GroupView } from './group-view.ts';
import { Interceptor, OWN_CLIENT_ID } from './interceptor.ts';
import { Journal } from './journal.ts';
import { DATA_DIRECTORY, QUICK_STORAGE, type TestBrokerOptions, testSettings } from './options.ts';
import { TopicExpectation } from './topic-expectation.ts';
import { TopicView } from './topic-view.ts';
import { VirtualBrokers } from './virtual-brokers.ts';
import { type TestClock, VirtualClock } from './virtual-clock.ts';
import type { WatchedConnection } from './watched-connection.ts';
import { type WaitOptions, Watchers } from './watchers.ts';

const JOURNAL_ENTRIES_MAX = 10_000;
const QUIET_MS = 100;

/** What a broker was at one moment, to be started as often as wanted. What is stored is shared between all of them. */
export class Snapshot {
  readonly #root: MemoryDirectory;
  readonly #options: TestBrokerOptions;
  readonly #nowMs: number;
  readonly #real: Runtime;

  constructor(real: Runtime, root: MemoryDirectory, options: TestBrokerOptions, nowMs: number) {
    this.#real = real;
    this.#root = root;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Starts a broker with everything that was acknowledged then, on a port of its own. It has the options of the first one. */
  start(): Promise<TestBroker> {
    const clock = { ...this.#options.clock, start: this.#nowMs };
    return TestBroker.start(this.#real, { ...this.#options, port: 0, clock }, copyTree(this.#root));
  }
}

export interface CrashOptions {
  /** Not only the process: what was not synced is gone. Needs durability `fsync`. */
  readonly powerCut?: boolean;
}

export interface IdleOptions extends WaitOptions {
  /** Real time in which nothing but polls and heartbeats came. Default: 100. */
  readonly quietMs?: number;
}

export class TestBroker implements AsyncDisposable {
  /** Consumer groups, as `ottla group` shows and changes them. */
  readonly groups: BrokerGroups;
  /** Transactional ids, as `ottla transaction` shows and fences them. */
  readonly transactions: BrokerTransactions;
  /** The broker's time: runs with real time, and jumps with `advance('7 days')`. */
  readonly clock: TestClock;
  /** What goes wrong, and for which requests. */
  readonly faults = new Faults();
  /** Every request and what became of it. */
  readonly journal: Journal;
  readonly #real: Runtime;
  readonly #options: TestBrokerOptions;
  readonly #settings: Settings;
  readonly #virtual: VirtualClock;
  readonly #brokers: VirtualBrokers;
  readonly #ask: Ask;
  readonly #watchers: Watchers;
  readonly #interceptor: Interceptor;
  #disk: TestDisk;
  #process: BrokerProcess | undefined;
  #broker: Broker | undefined;
  #intercepted: InterceptedBroker | undefined;
  #port = 0;
  #host = '';
  /** Starts, crashes and the close come one after the other. */
  #steps: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #lastWorkMs: number;

  /** Of a broker that `root` was left by, or of an empty one. */
  static async start(real: Runtime, options: TestBrokerOptions, root = new MemoryDirectory()): Promise<TestBroker> {
    const broker = new TestBroker(real, options, root);
    try {
      await broker.start();
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  private constructor(real: Runtime, options: TestBrokerOptions, root: MemoryDirectory) {
    this.#real = real;
    this.#options = options;
    this.#settings = testSettings(options);
    const { start, frozen = false } = options.clock ?? {};
    this.#virtual = new VirtualClock(real, { frozen, ...(start !== undefined && { startMs: startMs(start) }) });
    this.clock = this.#virtual;
    this.#brokers = new VirtualBrokers(options.brokers ?? 1, this.#virtual);
    this.journal = new Journal(options.journalEntriesMax ?? JOURNAL_ENTRIES_MAX);
    this.#watchers = new Watchers(real);
    this.#lastWorkMs = this.#watchers.nowMs;
    this.#ask = asking(real, () => this.bootstrapServers, OWN_CLIENT_ID);
    this.groups = brokerGroups(this.#ask);
    this.transactions = brokerTransactions(this.#ask);
    this.#disk = diskOver(root, this.#settings, this.#virtual);
    this.#interceptor = new Interceptor({
      faults: this.faults,
      journal: this.journal,
      clock: this.#virtual,
      brokers: this.#brokers,
      timers: () => this.#process?.runtime.timers ?? real.timers,
      connectionOf: (context) => this.#connectionOf(context),
      onCrash: (action) => this.#crashAndStart(action),
      onTraffic: (isWork) => {
        if (isWork) this.#lastWorkMs = this.#watchers.nowMs;
        this.#watchers.wake();
      },
    });
  }

  /** `host:port`, what Kafka clients ask for; the same after a crash. */
  get bootstrapServers(): string {
    return dialable(this.#host, this.#port);
  }

  get host(): string {
    return this.#host;
  }

  get port(): number {
    return this.#port;
  }

  /** Whether it accepts connections: not between a crash and the next start. */
  get isRunning(): boolean {
    return this.#broker !== undefined;
  }

  /** Records of a topic, decoded. */
  topic(name: string): TopicView {
    return new TopicView(name, this.#ask, this.#watchers);
  }

  /** Lag and members of a consumer group. */
  group(name: string): GroupView {
    return new GroupView(name, this.#ask, this.#watchers);
  }

  /** Waits for what a topic should receive: `await broker.expectTopic('orders').toHaveReceived({ key: '1' })`. */
  expectTopic(name: string): TopicExpectation {
    return new TopicExpectation(this.topic(name));
  }

  /**
   * Resolves when every request is answered and for `quietMs` nothing came but what clients always send: empty fetches,
   * heartbeats, metadata. Rejects with WaitTimeout.
   */
  async waitForIdle({ quietMs = QUIET_MS, ...wait }: IdleOptions = {}): Promise<void> {
    await this.#watchers.until(
      async () => {
        const quietForMs = this.#watchers.nowMs - this.#lastWorkMs;
        return this.#interceptor.busy === 0 && quietForMs >= quietMs ? true : undefined;
      },
      () => `the broker is not idle: ${this.#interceptor.busy} requests wait. The newest:\n${this.#newest()}`,
      wait,
    );
  }

  /** Waits for anything: looked at again whenever a request came or was answered. Rejects with WaitTimeout. */
  async waitUntil(
    isSo: () => boolean | Promise<boolean>,
    failure: () => string,
    wait: WaitOptions = {},
  ): Promise<void> {
    await this.#watchers.until(async () => ((await isSo()) ? true : undefined), failure, wait);
  }

  /** The virtual brokers, `startTestBroker({ brokers: 3 })`: their ids and addresses. */
  get brokers(): readonly { readonly id: number; readonly address: string }[] {
    return this.#brokers.ids.map((id) => ({ id, address: dialable(this.#host, this.#brokers.port(id)) }));
  }

  /** The id of the virtual broker that leads a partition. */
  leaderOf(topic: string, partition: number): number {
    return this.#brokers.leader(topic, partition);
  }

  /** Another virtual broker leads the partition, with the next leader epoch: `to`, or the next one. Returns its id. */
  async moveLeader(topic: string, partition: number, to?: number): Promise<number> {
    const broker = this.#intercepted;
    if (broker === undefined || !this.isRunning) throw new TypeError('the broker is down; leaders move while it runs.');
    return this.#interceptor.moveLeader(broker, topic, partition, to);
  }

  /** The id of the virtual broker that coordinates a group or a transactional id. */
  coordinatorOf(of: { readonly group: string } | { readonly transactionalId: string }): number {
    return 'group' in of
      ? this.#brokers.coordinator('group', of.group)
      : this.#brokers.coordinator('transaction', of.transactionalId);
  }

  /** Another virtual broker coordinates the group or transactional id: `to`, or the next one. Returns its id. */
  moveCoordinator(of: { readonly group: string } | { readonly transactionalId: string }, to?: number): number {
    return 'group' in of
      ? this.#brokers.moveCoordinator('group', of.group, to)
      : this.#brokers.moveCoordinator('transaction', of.transactionalId, to);
  }

  /** The coordinator of a group or transactional id answers that it loads, for so long of the broker's time. */
  loadCoordinator(of: { readonly group: string } | { readonly transactionalId: string }, forTime: Duration): void {
    const forMs = durationMs(forTime);
    if ('group' in of) this.#brokers.loadCoordinator('group', of.group, forMs);
    else this.#brokers.loadCoordinator('transaction', of.transactionalId, forMs);
  }

  /**
   * Tells whether the application under test lost, duplicated or re-ordered records or read uncommitted ones, and in which requests:
   * from what is in its topics now, and from the journal. Ask when it is done: `assert.ok(verdict.exactlyOnce, String(verdict))`.
   */
  async exactlyOnce(options: ExactlyOnceOptions): Promise<Verdict> {
    const names = (topics: string | readonly string[]) => (typeof topics === 'string' ? [topics] : topics);
    const read = async (topics: string | readonly string[], isolation: 'committed' | 'uncommitted') =>
      (await Promise.all(names(topics).map((name) => this.topic(name).records({ isolation })))).flat();
    const inputs = await read(options.input, 'committed');
    const seen = new Set(inputs.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`));
    const all = await read(options.input, 'uncommitted');
    return judge(
      {
        inputs,
        outputs: await read(options.output, 'committed'),
        hiddenInputs: all.filter(({ topic, partition, offset }) => !seen.has(`${topic}-${partition}@${offset}`)),
        committed: options.group === undefined ? undefined : await this.group(options.group).committed(),
        journal: this.journal.entries(),
        journalIsCut: this.journal.isCut,
      },
      options,
    );
  }

  /** Kills the broker, as `kill -9` would; it stays down until `start`. What it keeps is what its durability promises. */
  async crash({ powerCut = false }: CrashOptions = {}): Promise<void> {
    await this.#step(() => this.#crash(powerCut));
  }

  /** Starts it again on the same port, after a crash. Does nothing while it runs. */
  async start(): Promise<void> {
    await this.#step(() => this.#start());
  }

  /** Stops it cleanly and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.#step(async () => {
      await this.#stop();
      await this.#start();
    });
  }

  /** Everything acknowledged so far, in time independent of how much it is. Needs durability `os` (the default) or `fsync`. */
  snapshot(): Snapshot {
    if (this.#settings.durability === 'memory') {
      throw new TypeError(
        'a snapshot needs what durability memory does not keep; start the broker with os (the default).',
      );
    }
    return new Snapshot(this.#real, copyTree(rootOf(this.#disk)), this.#options, this.#virtual.nowMs());
  }

  /** Another broker with everything acknowledged so far; from there on neither sees what happens to the other. */
  fork(): Promise<TestBroker> {
    return this.snapshot().start();
  }

  /** Leaves nothing behind: no socket, timer or data. Twice is fine. */
  close(): Promise<void> {
    this.faults.clear();
    this.#closing ??= this.#steps.then(async () => {
      this.#virtual.resume();
      await this.#stop().finally(() => this.#watchers.wake());
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    if (this.#broker !== undefined || this.#closing !== undefined) return;
    const process = new BrokerProcess({
      real: this.#real,
      clock: this.#virtual,
      disk: this.#disk,
      brokers: this.#brokers,
    });
    this.#process = process;
    const settings = this.#port === 0 ? this.#settings : testSettings({ ...this.#options, port: this.#port });
    try {
      this.#broker = await openBroker({
        runtime: process.runtime,
        settings,
        directory: DATA_DIRECTORY,
        storage: QUICK_STORAGE,
        intercept: (handler, broker) => {
          this.#intercepted = broker;
          this.#brokers.numberFrom(broker.brokerId);
          return this.#interceptor.wrap(handler, broker);
        },
      });
    } catch (error) {
      await process.kill();
      this.#process = undefined;
      throw error;
    }
    this.#host = this.#broker.host;
    this.#port = this.#broker.port;
    // In memory nothing breaks by itself; a killed broker that gives up is not news.
    this.#broker.closed.catch(() => {});
    this.#watchers.wake();
  }

  async #stop(): Promise<void> {
    const broker = this.#broker;
    const process = this.#process;
    this.#broker = undefined;
    this.#process = undefined;
    try {
      await broker?.close();
    } finally {
      process?.ended();
      this.#interceptor.crashed();
    }
  }

  async #crash(powerCut: boolean): Promise<void> {
    const isForgetful = this.#disk.kind === 'forgetful';
    if (powerCut && !isForgetful) throw new TypeError("a power cut needs a broker with durability: 'fsync'.");
    const process = this.#process;
    this.#broker = undefined;
    this.#process = undefined;
    const killed = process?.kill();
    if (this.#settings.durability === 'memory') {
      this.#disk = diskOver(new MemoryDirectory(), this.#settings, this.#virtual);
    } else if (this.#disk.kind === 'forgetful') {
      const { files } = this.#disk;
      this.#disk = { kind: 'forgetful', files: powerCut ? files.crash() : files.kill() };
    }
    this.#interceptor.crashed();
    await killed;
  }

  /** Asked for by a fault, in the middle of a request: it dies now, whatever else is to be done first. */
  #crashAndStart(action: CrashAction): void {
    const crashed = this.#crash(action.powerCut ?? false);
    const downMs = durationMs(action.downFor ?? 0);
    void this.#step(async () => {
      await crashed;
      if (downMs > 0) await new Promise<void>((resolve) => void this.#real.timers.set(downMs, resolve));
      await this.#start();
    }).catch((error) => this.#real.log.error('The broker does not start again', { reason: String(error) }));
  }

  #connectionOf({ connection }: RequestContext): WatchedConnection | undefined {
    for (const watched of this.#process?.connections ?? []) {
      if (watched.remotePort === connection.remotePort && watched.remoteAddress === connection.remoteAddress) {
        return watched;
      }
    }
    return undefined;
  }

  #step<T>(work: () => Promise<T>): Promise<T> {
    const step = this.#steps.then(work);
    this.#steps = step.catch(() => {});
    return step;
  }

  #newest(): string {
    return this.journal.toString().split('\n').slice(-10).join('\n');
  }
}

function startMs(start: Date | number | string): number {
  const ms = typeof start === 'number' ? start : new Date(start).getTime();
  if (Number.isFinite(ms)) return ms;
  throw new TypeError(`${String(start)} is no time at which a clock could start.`);
}

function diskOver(root: MemoryDirectory, { durability }: Settings, clock: VirtualClock): TestDisk {
  if (durability !== 'fsync') return { kind: 'plain', root };
  return { kind: 'forgetful', files: new UnsyncedFiles({ nowMs: () => clock.nowMs() }, root) };
}

function rootOf(disk: TestDisk): MemoryDirectory {
  return disk.kind === 'plain' ? disk.root : disk.files.files.root;
}
