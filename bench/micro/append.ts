// The append path of the engine against plain writev of the same bytes to a file, as a ratio: what offsets, the tail, the
// block's checksums and the commit loop cost on top of the write. Run: node .build/…/bench/micro/append.js [seconds]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { performance } from 'node:perf_hooks';
import { buildBatch } from '../../src/records/build-batch.ts';
import { setBaseOffset } from '../../src/records/record-batch.ts';
import { nodeFiles } from '../../src/runtime/node/node-files.ts';
import { nodeRuntime } from '../../src/runtime/node/node-runtime.ts';
import { type Engine, openStorage } from '../../src/storage/engine.ts';
import type { Durability, LogConfig, PartitionLog } from '../../src/storage/storage.ts';

const secondsEach = Number(process.argv[2] ?? 2);
const config: LogConfig = {
  segmentBytes: 1 << 30,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
  retentionBytes: -1,
  retentionMs: -1,
  fileDeleteDelayMs: 0,
  cleanupPolicy: { delete: true, compact: false },
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
};

interface Load {
  readonly name: string;
  readonly partitions: number;
  readonly batchBytes: number;
  /** Batches appended before the commits are awaited. */
  readonly outstanding: number;
}

const loads: Load[] = [
  { name: '8 partitions × 64 KiB', partitions: 8, batchBytes: 64 * 1024, outstanding: 32 },
  { name: '8 partitions × 1 MiB', partitions: 8, batchBytes: 1024 * 1024, outstanding: 8 },
  { name: '1,000 partitions × 200 B', partitions: 1000, batchBytes: 200, outstanding: 1000 },
  { name: '100 outstanding × 200 B over 8', partitions: 8, batchBytes: 200, outstanding: 100 },
];

interface Outcome {
  readonly batchesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly cpuMicrosPerMegabyte: number;
}

function template(bytes: number): Buffer {
  const value = Buffer.alloc(Math.max(1, bytes - 75), 'v');
  return buildBatch({ baseOffset: 0, records: [{ key: null, value, timestampMs: 1_700_000_000_000, headers: [] }] });
}

async function measure(work: () => Promise<{ batches: number; bytes: number }>): Promise<Outcome> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  let batches = 0;
  let bytes = 0;
  while (performance.now() - begin < secondsEach * 1000) {
    const done = await work();
    batches += done.batches;
    bytes += done.bytes;
  }
  const seconds = (performance.now() - begin) / 1000;
  const used = process.cpuUsage(cpu);
  const megabytes = bytes / 1e6;
  return {
    batchesPerSecond: batches / seconds,
    megabytesPerSecond: megabytes / seconds,
    cpuMicrosPerMegabyte: (used.user + used.system) / megabytes,
  };
}

async function engineOutcome(load: Load, durability: Durability): Promise<Outcome> {
  const directory = mkdtempSync(`${tmpdir()}/ottla-bench-`);
  const runtime = { ...nodeRuntime(), log: { info() {}, warn() {}, error: console.error } };
  const engine: Engine = await openStorage({ runtime, directory, brokerId: 1, durability });
  const nothing = {
    snapshot: () => Buffer.alloc(0),
    restore() {},
    replayBatch() {},
    committed() {},
    startMoved() {},
  };
  const logs: PartitionLog[] = [];
  for (let i = 0; i < load.partitions; i++) {
    const topicId = Buffer.alloc(16, 1);
    topicId.writeUInt32BE(i, 0);
    logs.push(
      engine.openLog({ topic: `t${i}`, topicId: topicId.toString('base64url'), partition: 0 }, config, nothing),
    );
  }
  const model = template(load.batchBytes);
  let next = 0;
  try {
    return await measure(async () => {
      let ticket = 0;
      for (let i = 0; i < load.outstanding; i++) {
        const log = logs[next++ % logs.length] as PartitionLog;
        // A batch arrives in a buffer of its own, as from a socket.
        const batch = Buffer.from(model);
        setBaseOffset(batch, 0, log.endOffset);
        ticket = log.append([batch]);
      }
      await new Promise<void>((resolve) => engine.whenCommitted(ticket, resolve));
      return { batches: load.outstanding, bytes: load.outstanding * model.length };
    });
  } finally {
    await engine.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function rawOutcome(load: Load, durability: Durability): Promise<Outcome> {
  const directory = mkdtempSync(`${tmpdir()}/ottla-bench-`);
  const file = await nodeFiles().open(`${directory}/raw`, 'write');
  const model = template(load.batchBytes);
  let position = 0;
  try {
    return await measure(async () => {
      const parts: Buffer[] = [];
      for (let i = 0; i < load.outstanding; i++) parts.push(Buffer.from(model));
      const bytes = load.outstanding * model.length;
      if (position + bytes > 256 * 1024 * 1024) position = 0;
      file.writeSync(parts, position);
      position += bytes;
      if (durability === 'fsync') await file.sync();
      else await new Promise((resolve) => setImmediate(resolve));
      return { batches: load.outstanding, bytes };
    });
  } finally {
    await file.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const durability of ['os', 'fsync'] as const) {
  for (const load of loads) {
    const raw = await rawOutcome(load, durability);
    const engine = await engineOutcome(load, durability);
    console.log(
      [
        durability.padEnd(5),
        load.name.padEnd(32),
        `${Math.round(engine.batchesPerSecond)} batches/s`.padEnd(20),
        `${Math.round(engine.megabytesPerSecond)} MB/s`.padEnd(10),
        `${Math.round(engine.cpuMicrosPerMegabyte)} µs CPU/MB`.padEnd(16),
        `throughput ${(engine.megabytesPerSecond / raw.megabytesPerSecond).toFixed(2)} of plain writev,`,
        `CPU ${(engine.cpuMicrosPerMegabyte / raw.cpuMicrosPerMegabyte).toFixed(2)} ×`,
      ].join(' '),
    );
  }
}
