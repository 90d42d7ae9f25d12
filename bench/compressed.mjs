// Compressed batches: brokers look at every record in them, so both decompress. Made once of records like log lines (compressed-batch.mjs); megabytes
// are those of the records before compression.

import { compare } from './compare.mjs';
import { compressedBatch } from './compressed-batch.mjs';
import { figuresOf, withTopic } from './figures.mjs';
import { generate } from './generator.mjs';

const PARTITIONS = 8;

await compare({
  name: 'compressed',
  fillsPageCache: true,
  help: 'Throughput and server CPU per MB (uncompressed) of batches of about 100 KB of text, 4 connections, five requests in flight on each.',
  rows: [row('lz4'), row('zstd'), row('snappy'), row('gzip')],
});

function row(codec) {
  return {
    name: codec,
    measure: (broker, { seconds, warmSeconds, ...run }) =>
      withTopic(broker, PARTITIONS, async (topic) => {
        const { file, records, bytes, compressedBytes } = await compressedBatch(codec);
        const job = { kind: 'produce', bootstrap: broker.bootstrap, pid: broker.pid, topic, partitions: PARTITIONS };
        const load = { connections: 4, inFlight: 5, roundRobin: true, recordsPerBatch: records, batchFile: file };
        const result = await generate({ ...job, ...load, seconds, warmSeconds }, run);
        const scale = { bytesPerByte: bytes / compressedBytes };
        return figuresOf(result, ['mbPerSecond', 'cpuPerMb', 'recordsPerSecond', 'residentMax'], scale);
      }),
  };
}
