// The promise that an acknowledged record survives a power cut: Ottla with durability fsync, Kafka with flush.messages=1. Small requests over 100
// connections, as fast as they are answered; large batches too. The disk decides much of this: compare only on one machine.

import { compare } from './compare.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 8;

await compare({
  name: 'durable',
  help: 'Requests per second and latency when every acknowledged record has reached the disk.',
  durability: 'fsync',
  rows: [
    row('one 100-byte record, 100 connections', { connections: 100, inFlight: 1 }, [
      'requestsPerSecond',
      'p50',
      'p99',
      'cpuPerRequest',
    ]),
    row('100 KB batches, 100-byte records', { connections: 4, inFlight: 5, roundRobin: true, recordsPerBatch: 940 }, [
      'mbPerSecond',
      'cpuPerMb',
      'p99',
      'residentMax',
    ]),
  ],
});

function row(name, load, figures) {
  return {
    name,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
        return figuresOf(await generate({ ...job, ...load, seconds, warmSeconds }, run), figures);
      }),
  };
}
