// Reads and lookups by time of what is in segments only, next to the batches that were written: any mix of batch sizes and of
// distances between index entries, and indexes in which a bit has flipped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { baseOffset, maxTimestamp, nextOffset } from '../records/record-batch.ts';
import type { Files } from '../runtime/files.ts';
import { MemoryFiles } from '../runtime/memory/memory-files.ts';
import { type Engine, openStorage } from './engine.ts';
import { batchAt, defaultConfig, open, runtimeOver, smallSettings } from './storage.suite.ts';
import type { LogConfig, PartitionLog } from './storage.ts';

const directory = '/data/topic1-0';
const SEGMENT_BYTES = 100_000;
const COLD_READ_BYTES = 40_000;

const engineOver = (files: Files): Promise<Engine> =>
  openStorage({
    runtime: runtimeOver(files),
    directory: '/data',
    brokerId: 1,
    durability: 'os',
    settings: { ...smallSettings, coldReadBytesMax: COLD_READ_BYTES },
  });

/** Small ones that share an index entry, and large ones that have one each; of one record, or of several. */
const written = fc.array(
  fc.record({
    valueBytes: fc.constantFrom(50, 50, 1_000, 5_000, 9_000, 20_000, 60_000),
    records: fc.constantFrom(1, 1, 2, 5),
    timestampMs: fc.integer({ min: 1_000, max: 1_400 }),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

type Written = readonly { valueBytes: number; records: number; timestampMs: number }[];

/** Writes them, each ten milliseconds later than it says for each one before it, and returns the batches. */
async function fill(files: Files, config: LogConfig, what: Written): Promise<Buffer[]> {
  const engine = await engineOver(files);
  const { log } = open(engine, 1, config);
  const batches = what.map(({ valueBytes, records, timestampMs }, i) => {
    const values = Array.from({ length: records }, (_, k) => ({
      value: Buffer.alloc(Math.ceil(valueBytes / records), `${i}/${k} `),
      timestampMs: timestampMs + i * 10 + k,
    }));
    const batch = batchAt(log.endOffset, values);
    log.append([Buffer.from(batch)]);
    return batch;
  });
  await engine.close();
  return batches;
}

async function flipAny(files: Files, seed: number): Promise<void> {
  const indexes = (await files.list(directory)).filter((name) => name.endsWith('index'));
  if (indexes.length === 0) return;
  await flip(files, `${directory}/${indexes[seed % indexes.length] as string}`, seed >>> 1);
}

async function flip(files: Files, path: string, bit: number): Promise<void> {
  const bytes = await files.readFile(path);
  if (bytes.length === 0) return;
  const at = (bit >>> 3) % bytes.length;
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit & 7)), at);
  const file = await files.open(path, 'write');
  file.writeSync([bytes], 0);
  await file.close();
}

/** Fills a log, flips a bit of an index if asked to, and opens it again: nothing of it is in memory. `bases`: of its segments. */
async function withColdLog(
  given: { what: Written; indexIntervalBytes: number; flipped: number | undefined },
  use: (cold: { log: PartitionLog; batches: readonly Buffer[]; bases: ReadonlySet<number> }) => Promise<void>,
): Promise<void> {
  const files = new MemoryFiles();
  const config = { ...defaultConfig, segmentBytes: SEGMENT_BYTES, indexIntervalBytes: given.indexIntervalBytes };
  const batches = await fill(files, config, given.what);
  if (given.flipped !== undefined) await flipAny(files, given.flipped);
  const bases = new Set((await files.list(directory)).map((name) => Number(name.slice(0, 20))));
  const engine = await engineOver(files);
  try {
    await use({ log: open(engine, 1, config).log, batches, bases });
  } finally {
    await engine.close();
  }
}

test('cold reads return what was written, whatever the sizes, and whatever an index says', async () => {
  await fc.assert(
    fc.asyncProperty(
      written,
      fc.constantFrom(300, 4_096, 30_000),
      fc.option(fc.nat(), { nil: undefined }),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(1, 700, 8_000, 25_000, 90_000), fc.boolean(), fc.nat()), {
        minLength: 20,
        maxLength: 20,
      }),
      async (what, indexIntervalBytes, flipped, reads) =>
        withColdLog({ what, indexIntervalBytes, flipped }, async ({ log, batches, bases }) => {
          for (const [at, maxBytes, atLeastOne, until] of reads) {
            const offset = at % log.endOffset;
            const limit = nextOffset(batches[until % batches.length] as Buffer, 0);
            if (offset >= limit) continue;
            const got = await log.read(offset, maxBytes, limit, atLeastOne);
            const read = Buffer.concat(got.parts);
            const first = batches.findIndex((batch) => nextOffset(batch, 0) > offset);
            // As many as fit, all of one segment.
            let last = first;
            for (let bytes = 0; last < batches.length; last++) {
              const batch = batches[last] as Buffer;
              bytes += batch.length;
              const isAlone = last === first && (atLeastOne ? true : batch.length <= maxBytes);
              if (nextOffset(batch, 0) > limit) break;
              if (last > first && bases.has(baseOffset(batch, 0))) break;
              if (!isAlone && bytes > Math.min(maxBytes, COLD_READ_BYTES)) break;
            }
            const expected = Buffer.concat(batches.slice(first, last));
            assert.ok(read.equals(expected), `${read.length} of ${expected.length} bytes at offset ${offset}`);
            for (const region of got.regions ?? []) region.release();
          }
        }),
    ),
    { numRuns: 150 },
  );
});

test('cold lookups by time find the first record, whatever the sizes, and whatever an index says', async () => {
  await fc.assert(
    fc.asyncProperty(
      written,
      fc.constantFrom(300, 4_096, 30_000),
      fc.option(fc.nat(), { nil: undefined }),
      fc.array(fc.tuple(fc.integer({ min: 900, max: 2_100 }), fc.nat()), { minLength: 20, maxLength: 20 }),
      async (what, indexIntervalBytes, flipped, lookups) =>
        withColdLog({ what, indexIntervalBytes, flipped }, async ({ log, batches }) => {
          for (const [timestampMs, until] of lookups) {
            const limit = nextOffset(batches[until % batches.length] as Buffer, 0);
            const found = await log.findTimestamp(timestampMs, limit);
            const batch = batches.find((batch) => maxTimestamp(batch, 0) >= timestampMs);
            if (batch === undefined || nextOffset(batch, 0) > limit) {
              assert.equal(found, undefined);
              continue;
            }
            // The records of a batch are a millisecond apart.
            const records = nextOffset(batch, 0) - baseOffset(batch, 0);
            const firstMs = maxTimestamp(batch, 0) - records + 1;
            const delta = Math.max(0, timestampMs - firstMs);
            assert.deepEqual(found, {
              timestampMs: firstMs + delta,
              offset: baseOffset(batch, 0) + delta,
              leaderEpoch: 0,
            });
          }
        }),
    ),
    { numRuns: 150 },
  );
});

test('whichever bit of an index flips, the greatest timestamp is found: in a closed segment and in the active one', async () => {
  const config = { ...defaultConfig, segmentBytes: 21_000, indexIntervalBytes: 1 };
  // The greatest of each segment is followed by smaller ones, and one of them is as great as the one before it: what a flipped
  // bit makes of that one's entry (offset 2 becomes 6) is true, and still the entry of the greatest comes after it.
  const times = [0, 10, 41, 30, 50, 20, 41];
  const what = [0, 100].flatMap((more) =>
    times.map((ms, i) => ({ valueBytes: i === 0 ? 20_000 : 50, records: 1, timestampMs: 1_000 + more + ms })),
  );
  const make = async (): Promise<MemoryFiles> => {
    const files = new MemoryFiles();
    // What `fill` adds to each is taken away before.
    await fill(
      files,
      config,
      what.map((batch, i) => ({ ...batch, timestampMs: batch.timestampMs - i * 10 })),
    );
    return files;
  };
  const names = (await (await make()).list(directory)).filter((name) => name.endsWith('index'));
  assert.equal(names.length, 4);
  for (const name of names) {
    const bits = 8 * (await (await make()).readFile(`${directory}/${name}`)).length;
    assert.ok(bits > 0);
    for (let bit = 0; bit < bits; bit++) {
      const files = await make();
      await flip(files, `${directory}/${name}`, bit);
      const engine = await engineOver(files);
      const { log } = open(engine, 1, config);
      for (const [timestampMs, offset] of [
        [1_041, 2],
        [1_050, 4],
        [1_141, 9],
        [1_150, 11],
      ] as const) {
        assert.equal((await log.findTimestamp(timestampMs, 14))?.offset, offset, `${name}, bit ${bit}`);
      }
      await engine.close();
    }
  }
});

test('the first read of a segment reads each of its index files once', async () => {
  const opened: string[] = [];
  const delay = (operation: string, path: string): undefined => {
    if (operation === 'open' && path.endsWith('index')) opened.push(path.slice(directory.length));
  };
  const files = new MemoryFiles({ hooks: { delay } });
  const config = { ...defaultConfig, segmentBytes: SEGMENT_BYTES, indexIntervalBytes: 1_000 };
  await fill(files, config, Array(200).fill({ valueBytes: 5_000, records: 1, timestampMs: 1_000 }));
  const engine = await engineOver(files);
  const { log } = open(engine, 1, config);
  await log.read(150, 1, log.endOffset, true);
  opened.length = 0;
  for (const offset of [3, 15]) {
    const { regions } = await log.read(offset, 20_000, log.endOffset, true);
    for (const region of regions ?? []) region.release();
  }
  assert.deepEqual(opened.sort(), ['/00000000000000000000.index', '/00000000000000000000.timeindex']);
  await engine.close();
});
