// The smallest Kafka client that can tell whether a broker accepts records and how it keeps them: a few requests whose bytes are written here by
// hand, so that measurements and checks depend on no library and treat every broker alike.
// One connection, one request at a time. The caller owns the probe and must call close().

import { connect } from 'node:net';

const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;
const API_VERSIONS = 18;

// A version 2 record batch holding the single record value "probe": no key, no producer id, uncompressed.
const BATCH = Buffer.from(
  [
    '0000000000000000', // base offset
    '0000003d', // length of what follows
    '00000000', // partition leader epoch
    '02', // magic
    '508c5140', // crc32c of all that follows
    '0000', // attributes
    '00000000', // last offset delta
    '0000018bcfe56800', // base timestamp, 2023-11-14
    '0000018bcfe56800', // max timestamp
    'ffffffffffffffff', // producer id
    'ffff', // producer epoch
    'ffffffff', // base sequence
    '00000001', // record count
    '16000000010a70726f626500', // length, attributes, deltas, null key, "probe", no headers
  ].join(''),
  'hex',
);

export async function openProbe(host, port, timeoutMs = 2000) {
  const socket = connect({ host, port, noDelay: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new Probe(socket, timeoutMs);
}

class Probe {
  #socket;
  #timeoutMs;
  #correlationId = 0;
  #received = Buffer.alloc(0);
  #waiting = null;

  constructor(socket, timeoutMs) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#deliver();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
  }

  /** True when the broker answers ApiVersions 0 with no error. */
  async apiVersions() {
    const body = await this.#request(API_VERSIONS, 0, Buffer.alloc(0));
    return body.readInt16BE(0) === 0;
  }

  /** The API keys that the broker answers. */
  async apiKeys() {
    const body = new Reader(await this.#request(API_VERSIONS, 0, Buffer.alloc(0)));
    body.skip(2); // error code
    return Array.from({ length: body.int32() }, () => {
      const key = body.int16();
      body.skip(4); // oldest and newest version
      return key;
    });
  }

  /** Metadata 4 for no topic: the number of brokers that are there. */
  async brokers() {
    const body = new Reader(await this.#request(METADATA, 4, concat(int32(0), int8(0))));
    body.skip(4); // throttle time
    return body.int32();
  }

  /** Metadata 4 for one topic, allowing it to be created: the number of brokers, and the error of the topic and of its first partition. */
  async metadata(topic) {
    const body = new Reader(await this.#request(METADATA, 4, concat(int32(1), string(topic), int8(1))));
    body.skip(4); // throttle time
    const brokers = body.int32();
    for (let i = 0; i < brokers; i++) body.skip(4).skipString().skip(4).skipString();
    body.skipString(); // cluster id
    body.skip(4); // controller id
    if (body.int32() === 0) return { brokers, topicError: -1, partitionError: -1 };
    const topicError = body.int16();
    body.skipString().skip(1);
    const partitionError = body.int32() === 0 ? -1 : body.int16();
    return { brokers, topicError, partitionError };
  }

  /** Produce 3 of one record to partition 0 with acks=all: the error code of the partition. */
  async produce(topic) {
    const request = concat(
      int16(-1), // transactional id: null
      int16(-1), // acks: all
      int32(this.#timeoutMs),
      int32(1),
      string(topic),
      int32(1),
      int32(0),
      int32(BATCH.length),
      BATCH,
    );
    const body = new Reader(await this.#request(PRODUCE, 3, request));
    body.skip(4).skipString().skip(4).skip(4); // topic count, name, partition count, index
    return body.int16();
  }

  /** Fetch 4 of partition 0 from an offset: the batches as they are stored (at most 1 MiB, the last may be cut). */
  async fetch(topic, offset) {
    const request = concat(
      int32(-1), // replica id: a consumer
      int32(500), // longest wait in ms
      int32(1), // fewest bytes
      int32(1 << 20),
      int8(0), // isolation level: read uncommitted
      int32(1),
      string(topic),
      int32(1),
      int32(0),
      int64(offset),
      int32(1 << 20),
    );
    const body = new Reader(await this.#request(FETCH, 4, request));
    body.skip(4).skip(4).skipString().skip(4).skip(4); // throttle time, topic count, name, partition count, index
    const error = body.int16();
    if (error !== 0) throw new Error(`fetching ${topic} failed with error code ${error}`);
    body.skip(16); // high watermark, last stable offset
    body.skip(16 * Math.max(0, body.int32())); // aborted transactions
    return body.bytes(Math.max(0, body.int32()));
  }

  close() {
    this.#socket.destroy();
  }

  #request(apiKey, version, body) {
    const frame = concat(int16(apiKey), int16(version), int32(++this.#correlationId), string('probe'), body);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error('the broker did not answer in time')), this.#timeoutMs);
      this.#waiting = { resolve, reject, timer };
      this.#socket.write(concat(int32(frame.length), frame));
    });
  }

  #deliver() {
    if (this.#received.length < 4) return;
    const length = this.#received.readInt32BE(0);
    if (this.#received.length < 4 + length) return;
    const body = this.#received.subarray(8, 4 + length); // after size and correlation id
    this.#received = this.#received.subarray(4 + length);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) return;
    clearTimeout(waiting.timer);
    waiting.resolve(body);
  }

  #fail(error) {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) return;
    clearTimeout(waiting.timer);
    this.#socket.destroy();
    waiting.reject(error);
  }
}

class Reader {
  #bytes;
  #position = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  int16() {
    this.#position += 2;
    return this.#bytes.readInt16BE(this.#position - 2);
  }

  int32() {
    this.#position += 4;
    return this.#bytes.readInt32BE(this.#position - 4);
  }

  bytes(count) {
    this.#position += count;
    return this.#bytes.subarray(this.#position - count, this.#position);
  }

  skip(count) {
    this.#position += count;
    return this;
  }

  skipString() {
    return this.skip(Math.max(0, this.int16()));
  }
}

/** Tries `attempt` (which gets a fresh probe) until it returns true; throws when `deadlineMs` from now has passed. */
export async function untilAccepted(host, port, deadlineMs, attempt, pauseMs = 2) {
  const deadline = performance.now() + deadlineMs;
  let last = 'no connection';
  while (performance.now() < deadline) {
    let probe;
    try {
      probe = await openProbe(host, port);
      if (await attempt(probe)) return;
      last = 'not accepted';
    } catch (error) {
      last = error.message;
    } finally {
      probe?.close();
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`${host}:${port} accepted nothing within ${deadlineMs} ms (${last})`);
}

/** One accepted record: topic created by Metadata, then a produce answered without error. */
export async function acceptsProduce(probe, topic) {
  const { topicError, partitionError } = await probe.metadata(topic);
  if (topicError !== 0 || partitionError !== 0) return false;
  return (await probe.produce(topic)) === 0;
}

const concat = (...parts) => Buffer.concat(parts);
const int8 = (value) => Buffer.from([value]);

function int16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function string(value) {
  const bytes = Buffer.from(value);
  return concat(int16(bytes.length), bytes);
}
