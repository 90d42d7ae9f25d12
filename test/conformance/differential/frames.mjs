// Frames as bytes, for both brokers: the requests that Kafka's own tools and clients were seen to send, and frames that
// are broken in some way. Of the answers it counts whether there is one, and which error codes are in it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../broker.mjs';
import { ALL_APIS, decodeResponse, decodeResponseHeader, exchangeBytes } from './exchange.mjs';

const ANSWER_MS_MAX = 1500;
/** Their answers take as long as the request says, or depend on who asked before. */
const NOT_REPEATABLE = new Set(['JoinGroup', 'SyncGroup', 'ConsumerGroupHeartbeat', 'ShareFetch']);

const recorded = gunzipSync(readFileSync(join(root, 'test', 'golden', 'client-requests.ndjson.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** Each of `{ name, apiKey, version, bytes }`; those without an API key that both know are compared as bytes only. */
export const frames = [...recordedFrames(), ...brokenFrames(), ...headerFrames()];

/** What a broker does with a frame, as text. */
export async function outcome(bootstrap, { apiKey, version, bytes }) {
  const answer = await exchangeBytes(bootstrap, bytes, ANSWER_MS_MAX);
  if (typeof answer === 'string') return answer;
  const api = [...ALL_APIS.values()].find(({ key }) => key === apiKey);
  try {
    const { bodyOffset } = decodeResponseHeader(api, version, answer);
    return `answered, codes ${[...errorCodes(decodeResponse(api, version, answer, bodyOffset))].sort().join(' ') || 'none'}`;
  } catch {
    return 'answered';
  }
}

function errorCodes(value, found = new Set()) {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return found;
  for (const [key, item] of Object.entries(value)) {
    if (key === 'errorCode') found.add(item);
    else errorCodes(item, found);
  }
  return found;
}

function recordedFrames() {
  const seen = new Set();
  return recorded
    .filter(
      ({ api, version }) => !NOT_REPEATABLE.has(api) && !seen.has(`${api} ${version}`) && seen.add(`${api} ${version}`),
    )
    .map(({ api, apiKey, version, requestHexNoLength }) => {
      return {
        name: `Recorded: ${api} v${version}`,
        apiKey,
        version,
        bytes: framed(Buffer.from(requestHexNoLength, 'hex')),
      };
    });
}

/** One request of each API with its end cut off, with bytes too many, and with its body gone. */
function brokenFrames() {
  const seen = new Set();
  return recorded
    .filter(({ api }) => !NOT_REPEATABLE.has(api) && !seen.has(api) && seen.add(api))
    .flatMap(({ api, apiKey, version, requestHexNoLength }) => {
      const request = Buffer.from(requestHexNoLength, 'hex');
      const broken = (name, bytes) => ({
        name: `Broken: ${api} v${version} ${name}`,
        apiKey,
        version,
        bytes: framed(bytes),
      });
      const headerBytes = 10 + request.readInt16BE(8);
      return [
        broken('without its last byte', request.subarray(0, -1)),
        broken('cut in the middle', request.subarray(0, (request.length + headerBytes) >> 1)),
        broken('without a body', request.subarray(0, headerBytes)),
        broken('with three bytes too many', Buffer.concat([request, Buffer.alloc(3)])),
      ];
    });
}

function headerFrames() {
  const header = (apiKey, version) => Buffer.from([apiKey >> 8, apiKey, version >> 8, version, 0, 0, 0, 7, 0xff, 0xff]);
  const frame = (name, bytes, apiKey = -1, version = 0) => ({ name: `Broken: ${name}`, apiKey, version, bytes });
  const metadata = (name, ...body) =>
    frame(`Metadata v1, ${name}`, framed(Buffer.concat([header(3, 1), Buffer.from(body)])), 3, 1);
  const flexible = (name, ...body) =>
    frame(`Metadata v12, ${name}`, framed(Buffer.concat([header(3, 12), Buffer.from([0, ...body])])), 3, 12);
  return [
    metadata('a null array', 0xff, 0xff, 0xff, 0xff),
    metadata('an array of -2', 0xff, 0xff, 0xff, 0xfe),
    metadata('an array of 2^31 - 1', 0x7f, 0xff, 0xff, 0xff),
    metadata('an array of 1000 that ends', 0, 0, 3, 0xe8),
    metadata('a null name', 0, 0, 0, 1, 0xff, 0xff),
    metadata('a name of -2', 0, 0, 0, 1, 0xff, 0xfe),
    metadata('a name longer than the frame', 0, 0, 0, 1, 0x10, 0, 0x61),
    metadata('a name that is no UTF-8', 0, 0, 0, 1, 0, 2, 0xc3, 0x28),
    flexible('an array of 2^32 - 2', 0xff, 0xff, 0xff, 0xff, 0x0f),
    flexible('a varint without end', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    flexible('tags that are more than the frame', 0, 0, 0, 0, 5),
    frame('unknown API key', framed(header(999, 0))),
    frame('negative API key', framed(header(0xffff, 0))),
    frame('Metadata of version 99', framed(header(3, 99))),
    frame('Metadata of version -1', framed(header(3, 0xffff))),
    frame('ApiVersions of version 99', framed(Buffer.concat([header(18, 99), Buffer.alloc(1)])), 18, 0),
    frame('half a header', framed(Buffer.from([0, 3, 0]))),
    frame('a client id of -2', framed(Buffer.from([0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xfe, 0, 0, 0, 0]))),
    frame('a client id longer than the frame', framed(Buffer.from([0, 3, 0, 1, 0, 0, 0, 7, 0, 99, 0, 0, 0, 0]))),
    frame('an empty frame', Buffer.alloc(4)),
    frame('a negative size', Buffer.from([0xff, 0xff, 0xff, 0xff])),
    frame('a size of 2^31 - 1', Buffer.from([0x7f, 0xff, 0xff, 0xff])),
    frame('half a size', Buffer.from([0, 0])),
    frame('HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  ];
}

function framed(bytes) {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}
