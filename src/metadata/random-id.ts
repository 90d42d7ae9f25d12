// Ids of topics and clusters.
import type { Random } from '../runtime/runtime.ts';

/**
 * 16 random bytes as unpadded url-safe base64, 22 characters. Like Kafka's Uuid.randomUuid: a version 4 uuid, so never
 * one of the reserved ids (zero, one), and never with a leading '-', which command lines take for an option.
 */
export function randomId(random: Random): string {
  for (;;) {
    const bytes = random.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const id = bytes.toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
