import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

test('counters rise, gauges are read when asked for, and both are told by name', () => {
  const metrics = new Metrics();
  const deleted = metrics.counters('deleted_total', 'Segments deleted.', 'reason', ['age', 'size']);
  const rounds = metrics.counter('rounds_total', 'Rounds.');
  let size = 1;
  metrics.gauge('log_size_bytes', 'Bytes.', () => [
    { labels: { topic: 'a' }, value: size },
    { labels: { topic: 'b' }, value: 7 },
  ]);
  metrics.gauge('open_files', 'Files.', () => 3);
  deleted.size.add(2);
  rounds.add(1);
  size = 5;
  assert.deepEqual(
    metrics.all().map(({ name, kind, samples }) => [name, kind, [...samples()].map(({ value }) => value)]),
    [
      ['deleted_total', 'counter', [0, 2]],
      ['log_size_bytes', 'gauge', [5, 7]],
      ['open_files', 'gauge', [3]],
      ['rounds_total', 'counter', [1]],
    ],
  );
  assert.equal(metrics.value('log_size_bytes', { topic: 'b' }), 7);
  assert.equal(metrics.value('log_size_bytes', { topic: 'c' }), undefined);
});

test('a counter never falls, and a name belongs to one metric', () => {
  const metrics = new Metrics();
  assert.throws(() => metrics.counter('rounds_total', 'Rounds.').add(-1), /only rises/);
  assert.throws(() => metrics.gauge('rounds_total', 'Again.', () => 0), /registered already/);
  assert.throws(() => metrics.counter('Rounds', 'Rounds.'), /no name/);
});
