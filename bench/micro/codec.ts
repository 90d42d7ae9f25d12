// How the compiled codec compares with a decoder written by hand for the one message: Produce, version 9, one topic,
// one partition, 1 KiB of records. Prints nanoseconds and the ratio; the ratio is what to look at.
import { performance } from 'node:perf_hooks';
import { decodeRequest, encodeRequest, encodeResponseFrame } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/messages/fetch.ts';
import { type ProduceRequest, produce } from '../../src/protocol/messages/produce.ts';

const VERSION = 9;
const ROUNDS = 7;
const CALLS = 200_000;

const body = Buffer.concat(
  encodeRequest(produce, VERSION, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: 'web-access-log', partitionData: [{ index: 3, records: Buffer.alloc(1024) }] }],
  }),
);

/** As one would write it for this message alone: a cursor, and the same checks against the end. */
let bytes: Buffer = body;
let at = 0;

function need(length: number): number {
  const from = at;
  if (length > bytes.length - from) throw new Error('truncated');
  at = from + length;
  return from;
}

function uvarint(): number {
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    const byte = bytes[need(1)]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new Error('varint');
}

function string(length: number): string {
  const from = need(length);
  return bytes.toString('utf8', from, from + length);
}

function skipTags(): void {
  for (let count = uvarint(); count > 0; count--) {
    uvarint();
    need(uvarint());
  }
}

function decodeByHand(frame: Buffer): ProduceRequest {
  bytes = frame;
  at = 0;
  const idLength = uvarint();
  const transactionalId = idLength === 0 ? null : string(idLength - 1);
  const acks = bytes.readInt16BE(need(2));
  const timeoutMs = bytes.readInt32BE(need(4));
  const topicData: ProduceRequest['topicData'] = [];
  for (let topics = uvarint() - 1; topics > 0; topics--) {
    const name = string(uvarint() - 1);
    const partitionData: ProduceRequest['topicData'][number]['partitionData'] = [];
    for (let partitions = uvarint() - 1; partitions > 0; partitions--) {
      const index = bytes.readInt32BE(need(4));
      const length = uvarint() - 1;
      let records: Buffer | null = null;
      if (length >= 0) {
        const from = need(length);
        records = bytes.subarray(from, from + length);
      }
      skipTags();
      partitionData.push({ index, records });
    }
    skipTags();
    topicData.push({ name, topicId: '', partitionData });
  }
  skipTags();
  return { transactionalId, acks, timeoutMs, topicData };
}

const records = Buffer.alloc(64 * 1024);
const fetched = {
  throttleTimeMs: 0,
  errorCode: 0,
  sessionId: 0,
  responses: [
    {
      topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
      partitions: [
        {
          partitionIndex: 0,
          errorCode: 0,
          highWatermark: 1000,
          lastStableOffset: 1000,
          logStartOffset: 0,
          abortedTransactions: null,
          records,
        },
      ],
    },
  ],
};

let sink = 0;
const measured = {
  'decode Produce, compiled': () => {
    sink += decodeRequest(produce, VERSION, body).acks;
  },
  'decode Produce, by hand': () => {
    sink += decodeByHand(body).acks;
  },
  'encode a Fetch response frame': () => {
    sink += encodeResponseFrame(fetch, 17, 1, fetched).length;
  },
};

const best = new Map<string, number>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(measured)) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) call();
    const nanoseconds = ((performance.now() - start) * 1e6) / CALLS;
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, nanoseconds));
  }
}
for (const [name, nanoseconds] of best) console.log(`${name}: ${nanoseconds.toFixed(0)} ns`);
const ratio = best.get('decode Produce, compiled')! / best.get('decode Produce, by hand')!;
console.log(`compiled / by hand: ${ratio.toFixed(2)}`);
if (sink === 0) console.log(sink);
