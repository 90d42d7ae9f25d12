// One run: a world is made from a seed, clients work while things go wrong, then everything heals, the broker is started once
// more, all of it is read again, and the checkers look at what the clients were told.
import { Client } from '../src/client/client.ts';
import { loadCompression } from '../src/records/compression.ts';
import { settingsFrom } from '../src/settings/start-options.ts';
import type { Durability } from '../src/settings.ts';
import { checkCompacted } from './checkers/compacted.ts';
import { checkCopies } from './checkers/copies.ts';
import { hasHandedOutAll } from './checkers/groups.ts';
import { checkLogContents } from './checkers/log-contents.ts';
import { checkRegisters } from './checkers/registers.ts';
import { checkTransactions } from './checkers/transactions.ts';
import { VIOLATIONS_MAX, type Violation } from './checkers/violation.ts';
import { checkWatermarks } from './checkers/watermarks.ts';
import { readEverything } from './final-reading.ts';
import { History, type HistoryEvent } from './history.ts';
import type { KnownTopic, Program, ProgramContext } from './workloads/program.ts';
import { createTopics } from './workloads/topics.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';
import { BrokerMachine } from './world/broker-machine.ts';
import { Dice } from './world/dice.ts';
import { type Fault, planFaults, scheduleFault } from './world/faults.ts';
import { SimulatedDisk } from './world/simulated-disk.ts';
import { SimulatedNetwork } from './world/simulated-network.ts';
import { type Machine, type ProcessWorld, SimulatedProcess } from './world/simulated-process.ts';
import { Trace } from './world/trace.ts';
import { VirtualTime } from './world/virtual-time.ts';

export interface RunOptions {
  readonly seed: number;
  readonly workload: string;
  readonly durationMs?: number | undefined;
  /** Numbers of the planned faults that happen; all when absent. */
  readonly onlyFaults?: readonly number[] | undefined;
  /** Names of the programs that run; all when absent. */
  readonly onlyPrograms?: readonly string[] | undefined;
  readonly keepsTrace?: boolean;
  /** So many times longer do clients think between two things to do, and so much longer is the run; 1 when absent. */
  readonly pace?: number | undefined;
}

export interface RunResult {
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  /** Virtual. */
  readonly endedAtMs: number;
  readonly events: number;
  readonly operations: number;
  readonly starts: number;
  readonly durability: Durability;
  /** Virtual time that clients had while things went wrong. */
  readonly durationMs: number;
  readonly faults: readonly Fault[];
  readonly programs: readonly string[];
  /** How often what was done and told, by the type of event and its outcome. */
  readonly did: ReadonlyMap<string, number>;
  /** Of everything the clients were told: equal for two runs that are the same. */
  readonly fingerprint: () => string;
}

/** After the faults: how long the world has to come to rest, and how long everything may be read. */
const REST_MS_MAX = 300_000;
const READING_MS_MAX = 300_000;

export async function runSeed(options: RunOptions): Promise<RunResult> {
  await loadCompression();
  const run = new Run(options);
  const onRejection = (reason: unknown) => run.rejected(reason);
  process.on('unhandledRejection', onRejection);
  try {
    return await run.toItsEnd();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

class Run {
  readonly #options: RunOptions;
  readonly #workload: Workload;
  readonly #dice: Dice;
  readonly #time: VirtualTime;
  readonly #trace: Trace;
  readonly #history = new History();
  readonly #network: SimulatedNetwork;
  readonly #broker: BrokerMachine;
  readonly #violations: Violation[] = [];
  readonly #topics: KnownTopic[] = [];
  readonly #clients: { name: string; process: SimulatedProcess; machine: Machine; context: ProgramContext }[] = [];
  readonly #durability: Durability;
  readonly #durationMs: number;
  readonly #pace: number;
  #unfinished = 0;
  #unfinishedMembers = 0;
  #over = false;

  constructor(options: RunOptions) {
    this.#options = options;
    const workload = WORKLOADS.find(({ name }) => name === options.workload);
    if (workload === undefined) {
      throw new Error(
        `there is no workload ${options.workload}; there are ${WORKLOADS.map(({ name }) => name).join(', ')}`,
      );
    }
    this.#workload = workload;
    this.#pace = options.pace ?? 1;
    this.#durationMs = options.durationMs ?? workload.durationMs * this.#pace;
    this.#dice = new Dice(options.seed, 'world');
    this.#time = new VirtualTime((error, owner) => this.#thrown(error, owner as SimulatedProcess | undefined));
    this.#trace = new Trace(options.keepsTrace ?? false, () => this.#time.nowMs);
    this.#network = new SimulatedNetwork(this.#time, this.#dice.stream('network'), this.#trace);
    this.#durability = this.#dice.pick(workload.durabilities);
    this.#broker = this.#makeBroker();
  }

  async toItsEnd(): Promise<RunResult> {
    const faults = this.#planFaults();
    const names = this.#somePrograms();
    for (const name of names) this.#addClient(name);
    const auditor = this.#addClient('auditor');
    this.#broker.start();
    await this.#finish(
      createTopics(auditor, this.#workload.topics, this.#topics),
      60_000,
      'topics could not be created',
    );
    for (const [i, fault] of faults.entries()) {
      if (!(this.#options.onlyFaults?.includes(i) ?? true)) continue;
      scheduleFault(fault, this.#targets(), this.#dice.stream(`fault ${i}`));
    }
    for (const name of names) this.#run(name, this.#programs[name]!);
    await this.#time.run(this.#time.nowMs + this.#durationMs + 500, () => this.#isLost);
    this.#heal();
    this.#over = true;
    await this.#until(
      () => this.#unfinished === 0,
      REST_MS_MAX,
      'clients do not come to an end after the faults are over',
    );
    this.#lastRestart();
    const reading = readEverything(auditor, this.#topics);
    const finals = await this.#finish(reading, READING_MS_MAX, 'not everything can be read after the faults are over');
    if (finals !== undefined) {
      const { events } = this.#history;
      this.#violations.push(
        ...checkLogContents(events, finals),
        ...checkCompacted(events, finals),
        ...checkWatermarks(events),
        ...checkRegisters(events),
        ...checkTransactions(events),
        ...checkCopies(finals, this.#topics),
      );
    }
    this.#note('simulation', 'ends');
    await this.#time.run(this.#time.nowMs + 1, () => false);
    if (this.#broker.process !== undefined) this.#broker.process.alive = false;
    return {
      violations: this.#violations.slice(0, VIOLATIONS_MAX),
      trace: this.#trace.lines ?? [],
      endedAtMs: this.#time.nowMs,
      events: this.#time.count,
      operations: this.#history.nextOp(),
      starts: this.#broker.starts,
      durability: this.#durability,
      durationMs: this.#durationMs,
      faults,
      programs: names,
      did: countsOf(this.#history.events),
      fingerprint: () => this.#fingerprint(),
    };
  }

  rejected(reason: unknown): void {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    if (text.includes('the process is dead') || text.includes('the disk is gone')) return;
    this.#violate('uncaught', `a promise was rejected and nobody cared: ${text}`);
  }

  get #isLost(): boolean {
    return this.#violations.length > 0;
  }

  #makeBroker(): BrokerMachine {
    const disk = new SimulatedDisk(this.#time, this.#dice.stream('disk'), this.#trace);
    const settings = settingsFrom(
      {
        data: '/data',
        durability: this.#durability,
        host: '10.0.0.1',
        port: 9092,
        allowUnauthenticatedNetworkAccess: true,
        settings: {
          'node.id': 1,
          'offsets.topic.num.partitions': 3,
          'transaction.state.log.num.partitions': 2,
          'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
          'group.initial.rebalance.delay.ms': 0,
          'group.consumer.min.session.timeout.ms': 3_000,
          'group.consumer.session.timeout.ms': 5_000,
          'group.consumer.min.heartbeat.interval.ms': 100,
          'group.consumer.heartbeat.interval.ms': 500,
          'auto.create.topics.enable': false,
          ...this.#workload.settings,
        },
      },
      { data: '/data', host: '10.0.0.1', port: 9092 },
    );
    return new BrokerMachine({
      world: this.#world,
      machine: { name: 'broker', address: '10.0.0.1', clockErrorMs: 0 },
      disk,
      network: this.#network,
      dice: this.#dice,
      settings,
      storage: {
        poisonsReleasedMemory: true,
        // Half of the runs read old records on the event loop.
        promptReadPieceMsMax: this.#options.seed % 2,
        walFileBytes: 64 * 1024,
        walFiles: 4,
        tailBytes: 96 * 1024,
        extentBytes: 8 * 1024,
        commitBytesMax: 16 * 1024,
        extentReplayBytesMax: 256 * 1024,
        reserveBytes: 10_000,
        spaceCheckMs: 500,
        retentionCheckMs: 2_000,
        openFilesMax: 8,
        cleaningThreadBytesMin: 12_000,
      },
      hasThreads: this.#dice.stream('threads').oneIn(2),
      onViolation: (sentence) => this.#violate('broker', sentence),
      note: (sentence) => this.#note('broker', sentence),
    });
  }

  get #world(): ProcessWorld {
    return {
      time: this.#time,
      logged: (process, level, text) => {
        this.#trace.line(process.name, () => `${level}: ${text}`);
        if (text.startsWith('a callback of a commit has thrown')) this.#violate('uncaught', text);
      },
    };
  }

  #planFaults(): Fault[] {
    const { faults, faultsMax, downMsMax } = this.#workload;
    // What only the page cache has is lost with the power, and `os` promises no more.
    const kinds = this.#durability === 'fsync' ? faults : faults.filter((kind) => !kind.includes('power-cut'));
    const countMax = Math.round(faultsMax * Math.sqrt(this.#pace));
    return planFaults(this.#dice.stream('faults'), kinds, this.#durationMs, countMax, downMsMax);
  }

  get #programs(): Readonly<Record<string, Program>> {
    return { ...this.#workload.programs, ...this.#workload.members };
  }

  #isMember(name: string): boolean {
    return this.#workload.members?.[name] !== undefined;
  }

  get #isQuiet(): boolean {
    return this.#unfinished === this.#unfinishedMembers && this.#over;
  }

  /** Each seed leaves some out: what all of them together hide, a few may show. */
  #somePrograms(): string[] {
    const dice = this.#dice.stream('programs');
    const all = Object.keys(this.#programs);
    const some = all.filter(() => !dice.oneIn(3));
    return some.filter((name) => this.#options.onlyPrograms?.includes(name) ?? true);
  }

  #targets() {
    const note = (sentence: string) => this.#note('world', sentence);
    return { time: this.#time, network: this.#network, broker: this.#broker, clients: this.#clients, note };
  }

  #addClient(name: string): ProgramContext {
    const machine = { name, address: `10.0.1.${this.#clients.length + 1}`, clockErrorMs: 0 };
    const process = new SimulatedProcess(this.#world, name, machine, this.#dice, (self) => ({
      files: new SimulatedDisk(this.#time, this.#dice, this.#trace).seenBy(self),
      network: this.#network.seenBy(self),
    }));
    const client = new Client(process.runtime, [{ host: '10.0.0.1', port: 9092 }], {
      clientId: name,
      connectTimeoutMs: 1_000,
      requestTimeoutMs: 4_000,
      operationTimeoutMs: 20_000,
      metadataMaxAgeMs: 5_000,
    });
    const context: ProgramContext = {
      process,
      client,
      history: this.#history,
      dice: this.#dice.stream(`${name} program`),
      pace: this.#pace,
      topics: this.#topics,
      isOver: () => this.#over,
      addTopic: (topic) => void this.#topics.push(topic),
      isQuiet: () => this.#isQuiet,
      hasReadAll: (group) => this.#isQuiet && hasHandedOutAll(this.#history.events, group),
      onViolation: (checker, sentence) => this.#violate(checker, sentence),
      note: (sentence) => this.#note(name, sentence),
    };
    this.#clients.push({ name, process, machine, context });
    return context;
  }

  #run(name: string, program: Program): void {
    this.#unfinished++;
    if (this.#isMember(name)) this.#unfinishedMembers++;
    const { context } = this.#clients.find((client) => client.name === name)!;
    program(context).then(
      () => {
        this.#unfinished--;
        if (this.#isMember(name)) this.#unfinishedMembers--;
        this.#note(name, 'has finished');
      },
      (error: Error) => this.#violate('program', `${name} failed: ${error.stack ?? error.message}`),
    );
  }

  #heal(): void {
    this.#note('world', 'everything heals');
    this.#network.heal();
    this.#broker.disk.heal();
    this.#broker.disk.countdown = undefined;
    this.#broker.disk.duringSync = undefined;
    this.#broker.onOpen = undefined;
  }

  /** What the page cache or an unpublished checkpoint hides shows now. */
  #lastRestart(): void {
    const how = this.#dice.stream('last restart').below(4);
    if (how === 0) this.#broker.stop(100);
    else if (how === 1) this.#broker.end('kill', 100);
    else if (how === 2) this.#broker.end(this.#durability === 'fsync' ? 'power' : 'kill', 100);
  }

  async #until(isDone: () => boolean, limitMs: number, complaint: string): Promise<void> {
    await this.#time.run(this.#time.nowMs + limitMs, () => isDone() || this.#isLost);
    if (!isDone() && !this.#isLost) this.#violate('progress', complaint);
  }

  async #finish<T>(work: Promise<T>, limitMs: number, complaint: string): Promise<T | undefined> {
    let result: T | undefined;
    let done = false;
    work.then(
      (value) => {
        result = value;
        done = true;
      },
      (error: Error) => this.#violate('program', `${complaint}: ${error.stack ?? error.message}`),
    );
    await this.#until(() => done, limitMs, complaint);
    return result;
  }

  #thrown(error: unknown, owner: SimulatedProcess | undefined): void {
    if (owner?.alive === false) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#violate('uncaught', `${owner?.name ?? 'the world'} has thrown: ${text}`);
  }

  #violate(checker: string, sentence: string): void {
    this.#note('VIOLATION', `${checker}: ${sentence}`);
    this.#violations.push({ checker, sentence });
  }

  #note(who: string, sentence: string): void {
    this.#trace.line(who, () => sentence);
  }

  #fingerprint(): string {
    let value = 0x811c9dc5;
    const add = (text: string) => {
      for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
    };
    add(`${this.#time.count} ${this.#time.nowMs}`);
    for (const event of this.#history.events) add(JSON.stringify(event));
    return (value >>> 0).toString(16).padStart(8, '0');
  }
}

function countsOf(events: readonly HistoryEvent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    const what = `${event.type}${howOf(event)}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

function howOf(event: HistoryEvent): string {
  if (event.type === 'fetched') {
    const { spans } = event;
    return spans.some(([first], i) => i > 0 && first !== spans[i - 1]![1] + 1) ? ' over a hole' : '';
  }
  return 'outcome' in event ? ` ${event.outcome}` : 'decision' in event ? ` ${event.decision}` : '';
}
