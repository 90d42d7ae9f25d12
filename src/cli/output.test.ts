// Streams that are slow, and streams whose reader has gone.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Output } from './output.ts';

class FakeStream extends EventEmitter {
  readonly written: string[] = [];
  full = false;
  write(chunk: string | Uint8Array): boolean {
    this.written.push(Buffer.from(chunk as string).toString());
    return !this.full;
  }
}

test('a writer waits while the stream is full and goes on when it drained', async () => {
  const stream = new FakeStream();
  const output = new Output(stream);
  await output.ready();
  stream.full = true;
  output.line('a');
  let ready = false;
  const waiting = output.ready().then(() => {
    ready = true;
  });
  await Promise.resolve();
  assert.equal(ready, false);
  stream.emit('drain');
  await waiting;
  assert.deepEqual(stream.written, ['a\n']);
});

test('when the reader has gone, waiting ends, listeners are told once, and writing is silent', async () => {
  const stream = new FakeStream();
  const output = new Output(stream);
  let told = 0;
  output.onClosed(() => told++);
  stream.full = true;
  output.line('a');
  const waiting = output.ready();
  stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  stream.emit('error', new Error('again'));
  await waiting;
  output.line('b');
  assert.equal(output.closed, true);
  assert.equal(told, 1);
  output.onClosed(() => told++);
  assert.equal(told, 2);
  assert.deepEqual(stream.written, ['a\n']);
});
