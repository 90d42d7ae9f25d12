// Messages that carry their own version as an int16 in front: the values of coordinator records and the payloads of the
// consumer protocol.
import type { Message } from './message.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/** In one buffer, which is the caller's. */
export function encodeVersioned<Input>(
  message: Message<unknown, Input>,
  version: number,
  value: NoInfer<Input>,
): Buffer {
  const writer = new Writer();
  writer.int16(version);
  message.write(writer, version, value);
  return Buffer.concat(writer.finish());
}

/** Throws ProtocolError, also for a version that the message does not have. */
export function decodeVersioned<Decoded>(
  message: Message<Decoded>,
  bytes: Buffer,
): { readonly version: number; readonly message: Decoded } {
  const reader = new Reader(bytes);
  const version = reader.int16();
  return { version, message: message.read(reader, version) };
}
