// Uuids as Kafka prints them: unpadded url-safe base64 of 16 bytes, 22 characters. Pure: nothing here makes random ones.
import { ProtocolError } from './protocol-error.ts';

/** "No id": the uuid of 16 zero bytes. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

const LENGTH = 22;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const INVALID = 255;
const VALUES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

/** Writes the 16 bytes of `uuid`; the caller has checked that there is room. Throws ProtocolError when it is not a uuid. */
export function writeUuid(bytes: Uint8Array, position: number, uuid: string): void {
  if (uuid.length !== LENGTH) throw notAUuid(uuid);
  let at = position;
  // Five groups of four characters make 15 bytes; the last two characters carry the 16th.
  for (let i = 0; i < 20; i += 4) {
    const group = (digit(uuid, i) << 18) | (digit(uuid, i + 1) << 12) | (digit(uuid, i + 2) << 6) | digit(uuid, i + 3);
    bytes[at] = group >> 16;
    bytes[at + 1] = group >> 8;
    bytes[at + 2] = group;
    at += 3;
  }
  bytes[at] = (digit(uuid, 20) << 2) | (digit(uuid, 21) >> 4);
}

/** True for the 22-character form of any 16 bytes. */
export function isUuid(text: string): boolean {
  return text.length === LENGTH && /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

export function uuidFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new ProtocolError('unencodable', `a uuid has 16 bytes, not ${bytes.length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('base64url');
}

export function uuidToBytes(uuid: string): Buffer {
  const bytes = Buffer.alloc(16);
  writeUuid(bytes, 0, uuid);
  return bytes;
}

function digit(uuid: string, index: number): number {
  const value = VALUES[uuid.charCodeAt(index)];
  if (value === undefined || value === INVALID) throw notAUuid(uuid);
  return value;
}

function notAUuid(uuid: string): ProtocolError {
  return new ProtocolError('unencodable', `not a uuid in url-safe base64: ${JSON.stringify(uuid)}`);
}
