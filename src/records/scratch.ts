// Memory for bytes that are looked at and forgotten before anything else runs: decompressed records on their way through
// validation. A batch then leaves no garbage of its own size behind. Whoever takes from a scratch owns what he got until
// the next take, so nothing of it may outlive the call that took it.
import { Buffer } from 'node:buffer';

/** What is larger is allocated for the one time: batches of real producers stay below. */
const KEPT_BYTES_MAX = 1024 * 1024;
const KEPT_BYTES_MIN = 64 * 1024;

export class Scratch {
  #kept = Buffer.alloc(0);

  /** At least so many bytes, with anything in them. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes <= this.#kept.length) return this.#kept;
    if (sizeBytes > KEPT_BYTES_MAX) return Buffer.allocUnsafeSlow(sizeBytes);
    let bytes = KEPT_BYTES_MIN;
    while (bytes < sizeBytes) bytes *= 2;
    this.#kept = Buffer.allocUnsafeSlow(bytes);
    return this.#kept;
  }
}

/** `parts` one after the other, in the scratch when there is one and more than one part. */
export function joinParts(parts: readonly Buffer[], totalBytes: number, scratch: Scratch | undefined): Buffer {
  if (parts.length === 1) return parts[0]!;
  if (scratch === undefined) return Buffer.concat(parts, totalBytes);
  const joined = scratch.take(totalBytes).subarray(0, totalBytes);
  let at = 0;
  for (const part of parts) at += part.copy(joined, at);
  return joined;
}
