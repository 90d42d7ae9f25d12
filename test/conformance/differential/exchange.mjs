// One request to one broker and its decoded answer, over this project's own codec (as built in dist). A broker that closes the
// connection or stays silent gives "closed" or "silent" as its answer, so that two brokers can be compared on that too.

import { connect } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../broker.mjs';

const build = process.env.OTTLA_BUILD ?? join(root, 'dist');
/** A compiled source of this project. */
export const load = (path) => import(pathToFileURL(join(build, 'src', path)));
export const { decodeResponse, decodeResponseHeader, encodeRequestFrame } = await load('protocol/api.js');
export const { decodeRecordKey, decodeRecordValue } = await load('protocol/coordinator-record.js');
export const { transactionLogRecord } = await load('protocol/coordinator-records/transaction-log.js');
export const { coordinatorPartition } = await load('protocol/java-string-hash.js');
export const { buildBatch } = await load('records/build-batch.js');
export const { readBatches } = await load('records/read-batches.js');
export const { readEndTransactionMarker } = await load('records/control-batch.js');
await (await load('records/compression.js')).loadCompression();
export const { ALL_APIS } = await load('protocol/all-apis.js');

/** Every API by its name in camel case: apis.createTopics. */
export const apis = Object.fromEntries(
  [...ALL_APIS.values()].map((api) => [api.name[0].toLowerCase() + api.name.slice(1), api]),
);

const ANSWER_MS_MAX = 4000;

/** A connection of its own for each exchange: what one request does to it cannot spoil the next. */
export async function exchange(bootstrap, api, version, message) {
  let frame;
  try {
    frame = Buffer.concat(encodeRequestFrame(api, version, 7, 'differential', message));
  } catch (error) {
    return { unencodable: error.message };
  }
  const answer = await exchangeBytes(bootstrap, frame);
  if (typeof answer === 'string') return answer;
  const { bodyOffset } = decodeResponseHeader(api, version, answer);
  return decodeResponse(api, version, answer, bodyOffset);
}

/** Sends the bytes; returns the first response frame without its size, or "closed", or "silent". */
export function exchangeBytes(bootstrap, bytes, waitMs = ANSWER_MS_MAX) {
  const colon = bootstrap.lastIndexOf(':');
  const socket = connect({ host: bootstrap.slice(0, colon), port: Number(bootstrap.slice(colon + 1)) });
  let received = Buffer.alloc(0);
  return new Promise((resolve) => {
    const settle = (answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle('silent'), waitMs);
    socket.on('connect', () => socket.write(bytes));
    socket.on('error', () => settle('closed'));
    socket.on('close', () => settle('closed'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0))
        settle(received.subarray(4, 4 + received.readInt32BE(0)));
    });
  });
}
