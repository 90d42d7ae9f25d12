import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryContent } from './memory-content.ts';

const CHUNK = 64 * 1024;

test('a clone has the same bytes, and neither sees what is written into the other', () => {
  const first = new MemoryContent();
  first.write(Buffer.alloc(3 * CHUNK, 1), 0);
  const second = first.clone();
  const third = second.clone();
  first.write(Buffer.from([9]), CHUNK + 5);
  second.truncate(CHUNK + 1);
  second.write(Buffer.from([8]), 2 * CHUNK);
  assert.equal(at(first, CHUNK + 5), 9);
  assert.equal(at(third, CHUNK + 5), 1);
  assert.equal(at(second, CHUNK), 1);
  assert.equal(at(second, CHUNK + 5), 0);
  assert.equal(at(second, 2 * CHUNK), 8);
  assert.equal(at(first, 2 * CHUNK), 1);
  assert.equal(at(third, 2 * CHUNK), 1);
  assert.deepEqual(
    [first, second, third].map(({ sizeBytes }) => sizeBytes),
    [3 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK],
  );
});

test('small files grow in a clone without changing the first', () => {
  const first = new MemoryContent();
  first.write(Buffer.from('abc'), 0);
  const second = first.clone();
  second.write(Buffer.alloc(2_000, 7), 3);
  first.write(Buffer.from('z'), 0);
  assert.equal(text(first, 3), 'zbc');
  assert.equal(text(second, 3), 'abc');
  assert.equal(at(second, 1_999), 7);
});

function at(content: MemoryContent, position: number): number | undefined {
  const into = Buffer.alloc(1);
  content.read(into, position);
  return into[0];
}

function text(content: MemoryContent, bytes: number): string {
  const into = Buffer.alloc(bytes);
  content.read(into, 0);
  return into.toString();
}
