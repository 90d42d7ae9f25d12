// Record batches for requests: good ones of each codec, and bombs, small on the wire and huge when decompressed.
import { gzipSync } from 'node:zlib';
import { buildBatch } from '../../src/records/build-batch.ts';
import { Compression } from '../../src/records/compression-type.ts';
import { crc32c } from '../../src/records/crc32c.ts';

const BOMB_BYTES = 512 * 1024 * 1024;
const USUAL_PER_BOMB = 100;
const BODY_OFFSET = 61;
const CRC_OFFSET = 17;
const CRC_FROM = 21;

export function hostileBatches(): Buffer[] {
  const records = Array.from({ length: 5 }, (_, index) => ({ key: null, value: Buffer.from(`value ${index}`) }));
  const good = Object.values(Compression).map((compression) => buildBatch({ records, compression }));
  const idempotent = buildBatch({ records, producerId: 1, producerEpoch: 0, baseSequence: 0 });
  const transactional = buildBatch({
    records,
    producerId: 1,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  });
  const usual = [...good, idempotent, transactional];
  return [...Array.from({ length: USUAL_PER_BOMB }, (_, index) => usual[index % usual.length]!), bomb()];
}

/** gzip of nothing but zeros behind a right header and checksum. */
function bomb(): Buffer {
  const header = buildBatch({ records: [{ key: null, value: Buffer.alloc(1) }], compression: Compression.GZIP });
  const batch = Buffer.concat([header.subarray(0, BODY_OFFSET), gzipSync(Buffer.alloc(BOMB_BYTES))]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC_OFFSET);
  return batch;
}
