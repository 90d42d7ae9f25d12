// A compressed record batch in a file, for the generator to replay: lines that look like a web server's log, so that codecs have something to do.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ottla, root } from '../test/conformance/broker.mjs';

const RECORDS = 700;
const CODECS = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

const compiled = (path) => import(pathToFileURL(join(dirname(ottla), '..', 'dist', 'src', path)));
const { buildBatch } = await compiled('records/build-batch.js');
const { loadCompression } = await compiled('records/compression.js');

/** Where it is, and its sizes: `bytes` of the same batch uncompressed. */
export async function compressedBatch(codec) {
  await loadCompression();
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    key: null,
    value: Buffer.from(line(i)),
    timestampMs: 1_700_000_000_000 + i,
  }));
  const batch = buildBatch({ records, compression: CODECS[codec] });
  const file = join(root, '.cache', 'load', `batch.${codec}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, batch);
  return { file, records: RECORDS, bytes: buildBatch({ records }).length, compressedBytes: batch.length };
}

function line(i) {
  const scattered = (i * 2_654_435_761) % 4_294_967_296;
  const client = `${10 + (scattered % 200)}.${scattered % 251}.${(scattered >>> 8) % 251}.${(scattered >>> 16) % 251}`;
  const path = ['/', '/cart', '/products/', '/search?q=', '/static/app.js', '/login'][scattered % 6];
  return `${client} - - [14/Nov/2023:22:13:${20 + (i % 40)}] "GET ${path}${scattered % 9973} HTTP/1.1" ${scattered % 17 === 0 ? 404 : 200} ${scattered % 65_536} "Mozilla/5.0"`;
}
