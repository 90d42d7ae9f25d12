import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../test/golden/read.ts';
import { ABORTED_ENTRY_BYTES, AbortedEntries, type AbortedTransaction, collectAborted } from './aborted-index.ts';

interface Vector {
  readonly name: string;
  /** Producer id, first offset, offset of the marker, last stable offset. */
  readonly entries: readonly (readonly [number, number, number, number])[];
  /** The file. */
  readonly hex: string;
  readonly queries: readonly {
    readonly from: number;
    readonly limit: number;
    readonly complete: boolean;
    readonly aborted: readonly (readonly [number, number])[];
  }[];
}

const VECTORS = readGolden<Vector>('transaction-index');

function entriesOf({ entries }: Vector): AbortedEntries {
  const made = new AbortedEntries();
  for (const entry of entries) made.add(...entry);
  return made;
}

function collect(bytes: Buffer, from: number, limit: number): { complete: boolean; aborted: number[][] } {
  const into: AbortedTransaction[] = [];
  const complete = collectAborted(bytes, from, limit, into);
  return { complete, aborted: into.map(({ producerId, firstOffset }) => [producerId, firstOffset]) };
}

test('entries are stored as Kafka stores them', () => {
  for (const vector of VECTORS) assert.equal(entriesOf(vector).bytes().toString('hex'), vector.hex, vector.name);
});

test('a range of offsets finds what Kafka finds, and ends where Kafka ends', () => {
  for (const { name, hex, queries } of VECTORS) {
    const bytes = Buffer.from(hex, 'hex');
    for (const { from, limit, complete, aborted } of queries) {
      const found = collect(bytes, from, limit);
      assert.deepEqual(found.aborted, aborted, `${name}: [${from}, ${limit})`);
      // Kafka looks at every entry, also at those before the range: these may tell it to stop a file earlier.
      if (found.complete) assert.ok(complete, `${name}: [${from}, ${limit})`);
    }
  }
});

test('what is in files is forgotten, also below the start of the log, and the rest survives a snapshot', () => {
  for (const vector of VECTORS) {
    const made = entriesOf(vector);
    const middle = vector.entries[Math.floor(vector.entries.length / 2)]?.[2] ?? 0;
    const below = vector.entries.filter(([, , marker]) => marker < middle);
    assert.equal((made.below(middle)?.length ?? 0) / ABORTED_ENTRY_BYTES, below.length);
    made.indexed(middle);
    assert.equal(made.indexedOffset, middle);
    made.indexed(middle - 1);
    assert.equal(made.indexedOffset, middle, 'files forget nothing');
    const bytes = Buffer.alloc(made.encodedBytes);
    assert.equal(made.encode(bytes, 0), bytes.length);
    const restored = new AbortedEntries();
    assert.equal(restored.decode(bytes, 0), bytes.length);
    assert.equal(restored.indexedOffset, middle);
    const kept = vector.hex.slice(below.length * ABORTED_ENTRY_BYTES * 2);
    assert.equal(restored.bytes().toString('hex'), kept);
    restored.add(1, 2, Number.MAX_SAFE_INTEGER, 4);
    assert.equal(restored.count, vector.entries.length - below.length + 1);
    restored.dropBelow(Number.MAX_SAFE_INTEGER);
    assert.equal(restored.count, 1);
  }
});
