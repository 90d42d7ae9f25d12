// Where CRC-32C in native code overtakes the JavaScript table: prints, per input length, the time of the table divided by the
// time of the native call. NATIVE_MIN_BYTES in src/records/crc32c.ts is the length at which the ratio passes 1. Then from where on a
// checksum that is known already is cheaper than reading the bytes once more: OWN_CHECKSUM_BYTES_MIN in src/records/batches-checksum.ts, for
// lengths that change with every batch, which is the worst case.
// Run: node .build/bench/bench/micro/crc32c.js after `npx tsc --outDir .build/bench`.
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import { OWN_CHECKSUM_BYTES_MIN } from '../../src/records/batches-checksum.ts';
import { concatenatedCrc32c, crc32c, NATIVE_MIN_BYTES, tableCrc32c } from '../../src/records/crc32c.ts';

const LENGTHS = [16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192, 65_536];
const ROUNDS = 7;
const BYTES_PER_ROUND = 4_000_000;
const CALLS_MAX = 60_000;

/** Part of a larger buffer, as batches are: the native call needs a view of it. */
const buffer = Buffer.alloc(1_000_000, 'ottla');
let sink = 0;

function nanosecondsPerCall(length: number, checksum: (start: number, end: number) => number): number {
  const calls = Math.min(CALLS_MAX, Math.ceil(BYTES_PER_ROUND / length));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) {
      const start = (i * 61) % (buffer.length - length);
      sink ^= checksum(start, start + length);
    }
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / calls);
  }
  return best;
}

console.log('bytes    table ns   native ns   table / native');
for (const length of LENGTHS) {
  const table = nanosecondsPerCall(length, (start, end) => tableCrc32c(buffer, start, end));
  const native = nanosecondsPerCall(length, (start, end) => nativeCrc32c(buffer.subarray(start, end), 0));
  const columns = [
    table.toFixed(0).padStart(8),
    native.toFixed(0).padStart(9),
    (table / native).toFixed(2).padStart(14),
  ];
  console.log(`${String(length).padEnd(6)} ${columns.join('   ')}`);
}
console.log('\nbytes    read ns   combined ns   read / combined');
for (const length of LENGTHS.filter((one) => one >= 1024)) {
  const read = nanosecondsPerCall(length, (start, end) => crc32c(buffer, start, end, sink));
  const combined = nanosecondsPerCall(length, (start, end) =>
    concatenatedCrc32c(sink, start, end - start + (start & 1)),
  );
  const columns = [
    read.toFixed(0).padStart(8),
    combined.toFixed(0).padStart(11),
    (read / combined).toFixed(2).padStart(15),
  ];
  console.log(`${String(length).padEnd(6)} ${columns.join('   ')}`);
}
console.log(`combined from ${OWN_CHECKSUM_BYTES_MIN} bytes on`);
console.log(`native from ${NATIVE_MIN_BYTES} bytes on (${sink === 0 ? 'no' : 'with'} checksum)`);
