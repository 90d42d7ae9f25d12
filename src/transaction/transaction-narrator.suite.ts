// Transactions as transcripts tell them: what producers of the transactional id `tx` ask, what is appended to the logs, in
// order, what is answered. Partitions are modelled by what matters here: epochs, open transactions, and what a
// reader of committed records sees. A crash keeps a prefix of everything appended.
import assert from 'node:assert/strict';
import { type Command, durationMs, durationText, type Execute } from '../../test/transcripts/transcript.ts';
import type { CoordinatorRecord } from '../coordinator/effects.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { ControlType } from '../records/control-batch.ts';
import type { Effect, WriteMarkers } from './effects.ts';
import { type InitAnswer, type ProducerClaim, TransactionMachine } from './transaction-machine.ts';
import { LAST_CLIENT_EPOCH, type TransactionMetadata } from './transaction-metadata.ts';
import { decodeTransaction, encodeTransaction } from './transaction-record.ts';

const TIMEOUTS_EVERY_MS = 10_000;

type Entry =
  | { readonly type: 'record'; readonly record: CoordinatorRecord }
  | { readonly type: 'data'; readonly place: string; readonly producer: ProducerClaim; readonly value: string }
  | { readonly type: 'marker'; readonly place: string; readonly producer: ProducerClaim; readonly commits: boolean };

interface OpenTransaction {
  readonly producerEpoch: number;
  readonly values: string[];
}

class ModelPartition {
  readonly visible: string[] = [];
  readonly #epochs = new Map<number, number>();
  readonly #open = new Map<number, OpenTransaction>();

  epochOf(producerId: number): number {
    return this.#epochs.get(producerId) ?? -1;
  }

  isOpen({ producerId, producerEpoch }: ProducerClaim): boolean {
    return this.#open.get(producerId)?.producerEpoch === producerEpoch;
  }

  apply(entry: Exclude<Entry, { type: 'record' }>): void {
    const { producerId, producerEpoch } = entry.producer;
    this.#epochs.set(producerId, producerEpoch);
    const open = this.#open.get(producerId) ?? { producerEpoch, values: [] };
    if (entry.type === 'data') {
      open.values.push(entry.value);
      this.#open.set(producerId, open);
    } else {
      this.#open.delete(producerId);
      if (entry.commits) this.visible.push(...open.values);
    }
  }
}

interface App {
  producer: ProducerClaim;
  readonly version: 1 | 2;
  lastEnd?: { readonly committed: boolean; readonly producer: ProducerClaim };
}

export function beginTransaction(): Execute {
  const narrator = new TransactionNarrator();
  return (command) => narrator.execute(command);
}

class TransactionNarrator {
  #lines: string[] = [];
  #nowMs = 1_000_000;
  #setBackMs = 0;
  #timerAtMs: number | undefined;
  #looksAtMs = this.#nowMs + TIMEOUTS_EVERY_MS;
  #nextProducerId = 1000;
  #machine: TransactionMachine | undefined;
  #journal: Entry[] = [];
  #partitions = new Map<string, ModelPartition>();
  readonly #apps = new Map<string, App>();
  readonly #refusing = new Set<string>();
  readonly #rules = {
    transactionVersion: () => 2,
    takeProducerId: () => this.#nextProducerId++,
    recordBytesMax: () => 1_000_000,
  };

  execute(command: Command): readonly string[] {
    this.#lines = [];
    const act = this.#acts[command.verb];
    assert.ok(act, `nobody knows how to "${command.verb}"`);
    act(command);
    return this.#lines;
  }

  readonly #acts: Record<string, (command: Command) => void> = {
    init: (command) => this.#init(command),
    add: (command) => this.#add(command),
    send: (command) => this.#send(command),
    commit: ({ subject }) => this.#end(subject, true),
    abort: ({ subject }) => this.#end(subject, false),
    /** The last commit or abort of this producer once more, as it was sent then. */
    again: ({ subject }) => {
      const { committed, producer } = this.#app(subject).lastEnd!;
      this.#end(subject, committed, producer);
    },
    /** The producer has used all epochs but the last. */
    'use-up': ({ subject }) => {
      const app = this.#app(subject);
      app.producer = { ...app.producer, producerEpoch: LAST_CLIENT_EPOCH };
      const metadata = { ...this.#machine!.metadata, producerEpoch: LAST_CLIENT_EPOCH };
      this.#machine = new TransactionMachine('tx', metadata, this.#rules);
      this.#append({ type: 'record', record: encodeTransaction('tx', metadata, 2) });
    },
    refuse: ({ subject }) => this.#refusing.add(subject),
    allow: ({ subject }) => this.#refusing.delete(subject),
    advance: ({ subject }) => this.#advance(durationMs(subject)),
    /** The wall clock; timers go on as before. */
    'set-back': ({ subject }) => {
      this.#setBackMs += durationMs(subject);
    },
    crash: (command) => this.#crash(command.number('lost', 0)),
    read: ({ subject }) => this.#tell(`${subject} shows ${this.#partition(subject).visible.join(' ') || 'nothing'}`),
  };

  get #wallMs(): number {
    return this.#nowMs - this.#setBackMs;
  }

  #init(command: Command): void {
    const { subject } = command;
    const known = this.#apps.get(subject);
    const expected = command.words.includes('continue') ? known!.producer : undefined;
    const version = command.words.includes('v1') ? 1 : 2;
    const to = (answer: InitAnswer) => {
      this.#answer(subject, answer);
      if (answer.errorCode === ErrorCode.NONE) this.#apps.set(subject, { producer: claimOf(answer), version });
    };
    const timeoutMs = command.duration('timeout', 60_000);
    this.#machine ??= TransactionMachine.unused('tx', this.#nextProducerId++, timeoutMs, this.#wallMs, this.#rules);
    this.#perform(this.#machine.initProducerId({ timeoutMs, expected }, to, this.#wallMs));
  }

  #add({ subject, words }: Command): void {
    const errorCode = this.#admitted(this.#app(subject).producer, words.slice(1), 0);
    this.#tell(`${subject} <- ${errorCode === ErrorCode.NONE ? 'added' : errorName(errorCode)}`);
  }

  #admitted(producer: ProducerClaim, places: readonly string[], version: number): ErrorCode {
    const wanted = new Map<string, Set<number>>();
    for (const place of places) {
      const [topic, partition] = place.split('-') as [string, string];
      wanted.set(topic, new Set([...(wanted.get(topic) ?? []), Number(partition)]));
    }
    const { errorCode, effects } = this.#machine!.addPartitions(producer, wanted, version, this.#wallMs);
    this.#perform(effects);
    return errorCode;
  }

  /** `epoch=0`: a message of an earlier transaction that comes late. */
  #send(command: Command): void {
    const { subject, words } = command;
    const [, place, value] = words as [string, string, string];
    const { producer: now, version } = this.#app(subject);
    const producer = { ...now, producerEpoch: command.number('epoch', now.producerEpoch) };
    const partition = this.#partition(place);
    let errorCode: ErrorCode = ErrorCode.NONE;
    if (producer.producerEpoch < partition.epochOf(producer.producerId)) errorCode = ErrorCode.INVALID_PRODUCER_EPOCH;
    else if (!partition.isOpen(producer)) {
      const [topic, index] = place.split('-') as [string, string];
      errorCode =
        version === 2 ? this.#admitted(producer, [place], 2) : this.#machine!.verify(producer, topic, Number(index));
    }
    if (errorCode === ErrorCode.NONE) this.#append({ type: 'data', place, producer, value });
    else this.#tell(`${subject} <- ${errorName(errorCode)}`);
  }

  #end(subject: string, committed: boolean, producer = this.#app(subject).producer): void {
    const app = this.#app(subject);
    const clientTransactionVersion = app.version === 2 ? 2 : 0;
    app.lastEnd = { committed, producer };
    const to = (answer: InitAnswer) => {
      this.#answer(subject, answer);
      if (answer.errorCode === ErrorCode.NONE && answer.producerId !== -1) app.producer = claimOf(answer);
    };
    this.#perform(this.#machine!.end({ ...producer, committed, clientTransactionVersion }, to, this.#wallMs));
  }

  #advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const nextMs = Math.min(this.#timerAtMs ?? Number.POSITIVE_INFINITY, this.#looksAtMs);
      if (nextMs > endMs) break;
      this.#nowMs = nextMs;
      if (nextMs === this.#timerAtMs) {
        this.#timerAtMs = undefined;
        this.#perform(this.#machine!.timer('markers'));
      } else {
        this.#looksAtMs += TIMEOUTS_EVERY_MS;
        this.#perform(this.#machine?.abortWhenTimedOut(this.#wallMs) ?? []);
      }
    }
    this.#nowMs = endMs;
  }

  /** The last `lost` appends never reached the disk; everything else is read again. */
  #crash(lost: number): void {
    const kept = this.#journal.slice(0, this.#journal.length - lost);
    this.#journal = [];
    this.#partitions = new Map();
    this.#machine = undefined;
    this.#timerAtMs = undefined;
    for (const entry of kept) {
      this.#journal.push(entry);
      if (entry.type === 'record') {
        const { metadata } = decodeTransaction(entry.record)!;
        this.#machine = new TransactionMachine('tx', metadata!, this.#rules);
      } else this.#partition(entry.place).apply(entry);
    }
    this.#perform(this.#machine?.loaded() ?? []);
  }

  // ---- the shell

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'append') for (const record of effect.records) this.#append({ type: 'record', record });
      else if (effect.type === 'write-markers') this.#writeMarkers(effect);
      else if (effect.type === 'reply') effect.to(effect.response);
      else if (effect.type === 'timer') {
        this.#timerAtMs = this.#nowMs + effect.afterMs;
        this.#tell(`again in ${durationText(effect.afterMs)}`);
      }
    }
  }

  #writeMarkers({ marker, partitions }: WriteMarkers): void {
    const left = new Map<string, Set<number>>();
    for (const [topic, indexes] of partitions) {
      for (const index of indexes) {
        const place = `${topic}-${index}`;
        if (this.#refusing.has(place)) left.set(topic, new Set([...(left.get(topic) ?? []), index]));
        else
          this.#append({
            type: 'marker',
            place,
            producer: claimOf(marker),
            commits: marker.type === ControlType.COMMIT,
          });
      }
    }
    this.#perform(this.#machine!.markersWritten(left, this.#wallMs));
  }

  #append(entry: Entry): void {
    this.#journal.push(entry);
    if (entry.type === 'record') {
      this.#tell(`+ tx: ${stateText(decodeTransaction(entry.record)!.metadata!)}`);
      return;
    }
    this.#partition(entry.place).apply(entry);
    const what = entry.type === 'data' ? entry.value : entry.commits ? 'commit' : 'abort';
    this.#tell(`+ ${entry.place}: ${what} of ${producerText(entry.producer)}`);
  }

  #answer(subject: string, answer: InitAnswer): void {
    const done = answer.producerId === -1 ? 'done' : producerText(answer);
    this.#tell(`${subject} <- ${answer.errorCode === ErrorCode.NONE ? done : errorName(answer.errorCode)}`);
  }

  #app(name: string): App {
    const app = this.#apps.get(name);
    assert.ok(app, `${name} has not called init`);
    return app;
  }

  #partition(place: string): ModelPartition {
    let partition = this.#partitions.get(place);
    if (partition === undefined) this.#partitions.set(place, (partition = new ModelPartition()));
    return partition;
  }

  #tell(line: string): void {
    this.#lines.push(line);
  }
}

function claimOf({ producerId, producerEpoch }: ProducerClaim): ProducerClaim {
  return { producerId, producerEpoch };
}

function producerText({ producerId, producerEpoch }: ProducerClaim): string {
  return `${producerId}/${producerEpoch}`;
}

function stateText(metadata: TransactionMetadata): string {
  const { state, nextProducerId, partitions } = metadata;
  const places = [...partitions].flatMap(([topic, indexes]) => [...indexes].map((index) => `${topic}-${index}`));
  const next = nextProducerId === -1 ? [] : [`then ${nextProducerId}`];
  return [`${state} ${producerText(metadata)}`, ...places, ...next].join(', ');
}
