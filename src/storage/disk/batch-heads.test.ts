// A walk over batches in a file meets each of them, wherever a window ends, and reads little of large ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildEndTransactionMarker, ControlType } from '../../records/control-batch.ts';
import { baseOffset, batchLength, isControl } from '../../records/record-batch.ts';
import type { OpenFile } from '../../runtime/files.ts';
import { batchOf } from '../storage.suite.ts';
import { visitBatchHeads } from './batch-heads.ts';

function fileOf(bytes: Buffer) {
  const counted = { readBytes: 0 };
  const readSync = (into: Uint8Array, position: number): number => {
    counted.readBytes += into.length;
    return bytes.copy(into, 0, position, Math.min(bytes.length, position + into.length));
  };
  return { counted, file: { readSync } as unknown as OpenFile };
}

function marker(offset: number): Buffer {
  return buildEndTransactionMarker({
    type: ControlType.COMMIT,
    baseOffset: offset,
    producerId: 7,
    producerEpoch: 1,
    coordinatorEpoch: 0,
    timestampMs: 1_000,
  });
}

function offsetsIn(bytes: Buffer): { isThere: boolean; offsets: number[]; readBytes: number } {
  const { counted, file } = fileOf(Buffer.concat([Buffer.alloc(100, 0xff), bytes]));
  const offsets: number[] = [];
  const isThere = visitBatchHeads(file, 100, bytes.length, (batch) => {
    if (isControl(batch, 0)) assert.equal(batch.length, batchLength(batch, 0));
    offsets.push(baseOffset(batch, 0));
  });
  return { isThere, offsets, readBytes: counted.readBytes };
}

test('each batch is met, whatever their sizes and wherever a read ends', () => {
  for (let shift = 0; shift < 150; shift++) {
    const sizes = [4096 - 61 - 100 - shift, 20, 5_000, 20, 70_000, 20, 20, 300_000, 100];
    const batches = sizes.flatMap((bytes, i) => [batchOf(2 * i, bytes), marker(2 * i + 1)]);
    const { isThere, offsets } = offsetsIn(Buffer.concat(batches));
    assert.ok(isThere);
    assert.deepEqual(
      offsets,
      batches.map((_, i) => i),
    );
  }
});

test('of large batches little more than the headers is read, small ones are read once', () => {
  const large = Buffer.concat(Array.from({ length: 20 }, (_, i) => batchOf(i, 200_000)));
  assert.ok(offsetsIn(large).readBytes <= large.length / 40);
  const small = Buffer.concat(Array.from({ length: 5_000 }, (_, i) => batchOf(i, 100)));
  const { offsets, readBytes } = offsetsIn(small);
  assert.equal(offsets.length, 5_000);
  assert.ok(readBytes <= 1.05 * small.length, `${readBytes} of ${small.length}`);
});

test('what is cut short or has impossible lengths is told', () => {
  const bytes = Buffer.concat([batchOf(0, 100), batchOf(1, 100)]);
  const { file } = fileOf(bytes.subarray(0, bytes.length - 1));
  assert.equal(
    visitBatchHeads(file, 0, bytes.length, () => {}),
    false,
  );
  assert.equal(offsetsIn(Buffer.alloc(500)).isThere, false);
  assert.equal(offsetsIn(bytes.subarray(0, bytes.length - 1)).isThere, false);
});
