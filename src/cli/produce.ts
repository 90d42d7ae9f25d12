// `ottla produce`: one record for each line of standard input or of a file. Lines are bytes, nothing is decoded or trimmed.
// The first record that the broker refuses ends the command; the summary says what was written until then.
import { resolve } from 'node:path';
import type { Client } from '../client/client.ts';
import { ClientError } from '../client/client-error.ts';
import { type Delivery, Producer, type ProducerOptions, type ProducerRecord } from '../client/producer.ts';
import { TransactionalProducer } from '../client/transactional-producer.ts';
import { loadCompression } from '../records/compression.ts';
import type { CompressionName } from '../records/compression-type.ts';
import { collect, durationMs, keyValuePairs, wholeNumber } from './arguments.ts';
import { CommandFailure, usageFailure } from './command-failure.ts';
import { Command, Option } from './commander.ts';
import { brokerRefusal, type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { fileChunks } from './file-chunks.ts';
import { LineSplitter } from './line-splitter.ts';
import { PlainSink, type Sink, TransactionalSink } from './produce-sink.ts';
import { Progress } from './progress.ts';
import { counted, formatBytes, formatDuration } from './table.ts';
import { unescapeBytes } from './text-escapes.ts';
import type { CommandWorld } from './world.ts';

/** A line is a record, and no broker takes larger requests by default (socket.request.max.bytes). */
const LINE_BYTES_MAX = 100 * 1024 * 1024;

/** A broker that is away for longer ends the command. */
const DELIVERY_TIMEOUT_MS = 30_000;

/** What brokers allow unless told otherwise (transaction.max.timeout.ms). */
const TRANSACTION_TIMEOUT_MS = 15 * 60_000;

const ACKS: Readonly<Record<string, -1 | 0 | 1>> = { '0': 0, '1': 1, all: -1, '-1': -1 };

interface ProduceOptions extends ConnectionOptions {
  readonly file?: string;
  readonly keySeparator?: string;
  readonly delimiter: string;
  readonly header?: readonly string[];
  readonly partition?: number;
  readonly compression: CompressionName;
  readonly acks: string;
  readonly transactionalId?: string;
  readonly transactionRecords?: number;
  readonly transactionTimeout?: number;
}

export function produceCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('produce'))
    .description('write one record for each line of standard input or of a file')
    .argument('<topic>', 'name; created when absent, if the broker creates topics by itself')
    .option('-f, --file <path>', 'read this file instead of standard input')
    .option(
      '-k, --key-separator <text>',
      "what ends the key at the beginning of a line, for example '\\t'; without it there are no keys",
    )
    .addOption(new Option('-d, --delimiter <text>', "what ends a record, for example '\\0'").default('\\n', '\\n'))
    .option('-H, --header <name=value>', 'a header for every record; may be repeated', collect)
    .option(
      '-p, --partition <n>',
      'the partition for every record; otherwise by key, or by turns',
      wholeNumber(0, 1_000_000),
    )
    .addOption(
      new Option('-z, --compression <codec>', 'how batches travel and rest')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .addOption(
      new Option('-a, --acks <acks>', 'all: wait until durable; 1: until written; 0: never')
        .choices(['all', '-1', '1', '0'])
        .default('all'),
    )
    .option(
      '--transactional-id <id>',
      'write everything in one transaction: all lines become visible at the end, or none; one writer per id',
    )
    .option('--transaction-records <n>', 'commit after every so many records instead of at the end', wholeNumber(1))
    .option(
      '--transaction-timeout <duration>',
      'the broker aborts a transaction that takes longer (default: 15m)',
      durationMs,
    )
    .addHelpText(
      'after',
      `
With --transactional-id, what fails or is interrupted aborts the transaction that is open; those before it stay.

Examples:
  ottla produce orders < lines.txt
  ottla produce orders --file lines.txt --compression lz4
  printf 'alice\\ttea\\n' | ottla produce orders --key-separator '\\t'
  gunzip -c access.log.gz | ottla produce access-log
  ottla produce orders --file lines.txt --transactional-id import`,
    )
    .action((topic: string, options: ProduceOptions) => produceLines(world, topic, options));
}

async function produceLines(world: CommandWorld, topic: string, options: ProduceOptions): Promise<void> {
  checkTransactionOptions(options);
  const toRecord = recordMaker(topic, options);
  const delimiter = unescapeBytes(options.delimiter);
  if (delimiter.length === 0) throw usageFailure('--delimiter must not be empty.');
  if (options.file === undefined && world.input.isTTY && world.errors.isTerminal) {
    world.errors.line(`each line becomes a record in ${topic}; end with Ctrl-D.`);
  }
  await loadCompression();
  await withClient(world, options, async (client) => {
    const run = new Run(world, topic, options);
    const sink = await sinkOf(client, options, {
      compression: options.compression,
      // The topic's own max.message.bytes decides, not this client.
      requestBytesMax: LINE_BYTES_MAX,
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
    });
    const chunks =
      options.file === undefined
        ? world.input
        : fileChunks(world.runtime.files, resolve(world.workingDirectory, options.file));
    await run.send(sink, linesOf(chunks, new LineSplitter(delimiter, LINE_BYTES_MAX)), toRecord);
    run.report();
  });
}

function checkTransactionOptions({
  transactionalId,
  transactionRecords,
  transactionTimeout,
  acks,
}: ProduceOptions): void {
  if (transactionalId === undefined) {
    if (transactionRecords !== undefined) throw usageFailure('--transaction-records needs --transactional-id.');
    if (transactionTimeout !== undefined) throw usageFailure('--transaction-timeout needs --transactional-id.');
  } else if (ACKS[acks] !== -1) throw usageFailure('--transactional-id needs --acks all.');
}

async function sinkOf(client: Client, options: ProduceOptions, settings: ProducerOptions): Promise<Sink> {
  const { transactionalId, transactionRecords, transactionTimeout } = options;
  if (transactionalId === undefined) {
    return new PlainSink(new Producer(client, { acks: ACKS[options.acks] ?? -1, ...settings }));
  }
  const transactionTimeoutMs = transactionTimeout ?? TRANSACTION_TIMEOUT_MS;
  const producer = new TransactionalProducer(client, transactionalId, { ...settings, transactionTimeoutMs });
  await producer.init();
  producer.begin();
  return new TransactionalSink(producer, transactionRecords);
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, splitter: LineSplitter): AsyncGenerator<Buffer[]> {
  for await (const chunk of chunks) yield splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  const last = splitter.finish();
  if (last !== undefined) yield [last];
}

type RecordMaker = (line: Buffer, lineNumber: number) => ProducerRecord;

function recordMaker(topic: string, options: ProduceOptions): RecordMaker {
  const headers = keyValuePairs(options.header ?? [], '--header source=web').map(([key, value]) => ({
    key,
    value: Buffer.from(value),
  }));
  const rest = { topic, partition: options.partition, headers };
  if (options.keySeparator === undefined) return (line) => ({ ...rest, key: null, value: line });
  const separator = unescapeBytes(options.keySeparator);
  if (separator.length === 0) throw usageFailure('--key-separator must not be empty.');
  return (line, lineNumber) => {
    const at = line.indexOf(separator);
    if (at < 0) {
      throw new CommandFailure(
        `line ${lineNumber} has no key separator; every line must be KEY${options.keySeparator}VALUE.`,
      );
    }
    return { ...rest, key: line.subarray(0, at), value: line.subarray(at + separator.length) };
  };
}

/** In place of a line number: what failed was no line. */
const AT_THE_END = Number.POSITIVE_INFINITY;

interface Written {
  records: number;
  firstOffset: number;
  lastOffset: number;
}

function copyOf(written: ReadonlyMap<number, Written>): Map<number, Written> {
  return new Map([...written].map(([partition, each]) => [partition, { ...each }]));
}

/** One run of the command: what was sent, what was acknowledged, and the first thing that went wrong. */
class Run {
  readonly #world: CommandWorld;
  readonly #topic: string;
  readonly #options: ProduceOptions;
  readonly #progress: Progress;
  readonly #startedMs: number;
  #written = new Map<number, Written>();
  #committed = { records: 0, bytes: 0, partitions: new Map<number, Written>() };
  #sent = 0;
  #acknowledged = 0;
  #bytes = 0;
  #failure: { readonly lineNumber: number; readonly error: unknown } | undefined;

  constructor(world: CommandWorld, topic: string, options: ProduceOptions) {
    this.#world = world;
    this.#topic = topic;
    this.#options = options;
    this.#progress = new Progress(world);
    this.#startedMs = world.runtime.clock.monotonicMs();
  }

  async send(sink: Sink, lines: AsyncIterable<Buffer[]>, toRecord: RecordMaker): Promise<void> {
    const { interrupted } = this.#world;
    // Stopped while waiting for input, the iterator has to be told: nothing else would wake it.
    const iterator = lines[Symbol.asyncIterator]();
    const stopped = new Promise<undefined>((resolveStopped) => {
      interrupted.addEventListener('abort', () => resolveStopped(undefined), { once: true });
    });
    try {
      while (this.#failure === undefined && !interrupted.aborted) {
        const next = await Promise.race([iterator.next(), stopped]);
        if (next === undefined || next.done) break;
        for (const line of next.value) {
          if (this.#failure !== undefined || interrupted.aborted) break;
          if (!this.#add(sink, toRecord, line)) await sink.writable();
          if (this.#failure === undefined && sink.commitIsDue(this.#sent)) await this.#commit(sink);
        }
      }
    } catch (error) {
      this.#fail(this.#sent + 1, error);
    }
    await this.#finish(sink);
    this.#progress.done();
  }

  async #finish(sink: Sink): Promise<void> {
    const isGivenUp = this.#failure !== undefined || (sink.isAllOrNothing && this.#world.interrupted.aborted);
    try {
      if (!isGivenUp) await this.#commit(sink);
    } catch (error) {
      this.#fail(AT_THE_END, error);
    }
    try {
      await sink.close();
    } catch (error) {
      this.#fail(AT_THE_END, error);
    }
    if (sink.isAllOrNothing) this.#keepOnlyCommitted();
  }

  report(): void {
    const ms = this.#world.runtime.clock.monotonicMs() - this.#startedMs;
    const partitions = [...this.#written]
      .sort(([a], [b]) => a - b)
      .map(([partition, written]) => ({ partition, ...written }));
    if (this.#options.json) {
      const summary = {
        topic: this.#topic,
        records: this.#acknowledged,
        bytes: this.#bytes,
        ms: Math.round(ms),
        partitions,
      };
      this.#world.output.json(summary);
    } else if (this.#acknowledged > 0 || this.#failure === undefined) {
      this.#world.output.line(this.#summary(ms, partitions.length));
    }
    if (this.#failure !== undefined) throw this.#refusal(this.#failure);
  }

  async #commit(sink: Sink): Promise<void> {
    await sink.commit();
    this.#committed = { records: this.#acknowledged, bytes: this.#bytes, partitions: copyOf(this.#written) };
  }

  /** What was delivered since is not to be seen by readers of committed records. */
  #keepOnlyCommitted(): void {
    const { records, bytes, partitions } = this.#committed;
    this.#acknowledged = records;
    this.#bytes = bytes;
    this.#written = copyOf(partitions);
  }

  #add(sink: Sink, toRecord: RecordMaker, line: Buffer): boolean {
    const lineNumber = ++this.#sent;
    try {
      return sink.add(toRecord(line, lineNumber), (error, delivery) => {
        if (error !== undefined) this.#fail(lineNumber, error);
        else this.#delivered(line.length, delivery);
      });
    } catch (error) {
      this.#fail(lineNumber, error);
      return true;
    }
  }

  #delivered(bytes: number, delivery: Delivery | undefined): void {
    this.#acknowledged++;
    this.#bytes += bytes;
    this.#progress.show(() => `${counted(this.#acknowledged, 'record')}, ${formatBytes(this.#bytes)}`);
    if (delivery === undefined) return;
    const written = this.#written.get(delivery.partition);
    if (written === undefined) {
      this.#written.set(delivery.partition, { records: 1, firstOffset: delivery.offset, lastOffset: delivery.offset });
    } else {
      written.records++;
      written.lastOffset = Math.max(written.lastOffset, delivery.offset);
    }
  }

  #fail(lineNumber: number, error: unknown): void {
    // Records are given up because another failed: that one is what to tell.
    if (error instanceof ClientError && error.code === 'TRANSACTION_ABORTED') return;
    if (this.#failure === undefined || lineNumber < this.#failure.lineNumber) this.#failure = { lineNumber, error };
  }

  #summary(ms: number, partitionCount: number): string {
    const verb = this.#options.acks === '0' ? 'sent' : 'wrote';
    const where = partitionCount > 1 ? `${this.#topic} (${counted(partitionCount, 'partition')})` : this.#topic;
    return `${verb} ${counted(this.#acknowledged, 'record')} (${formatBytes(this.#bytes)}) to ${where} in ${formatDuration(ms)}`;
  }

  #refusal({ lineNumber, error }: { lineNumber: number; error: unknown }): unknown {
    if (!(error instanceof ClientError)) return error;
    return brokerRefusal(
      lineNumber === AT_THE_END
        ? `the transaction was not committed to ${this.#topic}`
        : `line ${lineNumber} was not written to ${this.#topic}`,
      error.errorCode,
      error.message,
      error.code,
    );
  }
}
