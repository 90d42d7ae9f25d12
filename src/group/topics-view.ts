// The topics as groups see them: one view for all groups of a coordinator, following the metadata image. Remembers when a
// topic was last created (regular expressions are matched again then) and one hash per topic.
import type { Image, TopicImage } from '../metadata/image.ts';
import { uuidToBytes } from '../protocol/uuid.ts';
import { onFirstUse } from '../runtime/on-first-use.ts';

const xxhash = onFirstUse<typeof import('@node-rs/xxhash')>('@node-rs/xxhash');

/** Precedes what is hashed, so that the layout can change one day. */
const TOPIC_HASH_MAGIC = 0;

export class TopicsView {
  #image: Image;
  #lastCreationVersion: number;
  #hashes = new Map<string, bigint>();

  constructor(image: Image) {
    this.#image = image;
    this.#lastCreationVersion = image.version;
  }

  /** Returns the names of the topics that were created, deleted or changed, for `ConsumerGroup.topicsChanged`. */
  update(image: Image): ReadonlySet<string> {
    const before = this.#image.topics;
    const changed = new Set<string>();
    if (image.topics !== before) {
      for (const [name, topic] of image.topics) {
        const known = before.get(name);
        if (known === topic) continue;
        changed.add(name);
        if (known?.id !== topic.id) this.#lastCreationVersion = image.version;
      }
      for (const name of before.keys()) if (!image.topics.has(name)) changed.add(name);
    }
    for (const name of changed) this.#hashes.delete(name);
    if (image.brokers !== this.#image.brokers) this.#hashes.clear();
    this.#image = image;
    return changed;
  }

  get version(): number {
    return this.#image.version;
  }

  /** The version of the image that brought the newest topic. */
  get lastCreationVersion(): number {
    return this.#lastCreationVersion;
  }

  topic(name: string): TopicImage | undefined {
    return this.#image.topics.get(name);
  }

  topicById(id: string): TopicImage | undefined {
    return this.#image.topicsById.get(id);
  }

  names(): Iterable<string> {
    return this.#image.topics.keys();
  }

  get count(): number {
    return this.#image.topics.size;
  }

  /**
   * What a group remembers of its topics (Utils.computeGroupHash): when it differs, topics came or went, or partitions
   * or racks changed. Signed 64 bits; 0 when none of the topics exists.
   */
  hashOf(names: Iterable<string>): bigint {
    const known = [...names].filter((name) => this.#image.topics.has(name)).sort();
    if (known.length === 0) return 0n;
    const bytes = Buffer.alloc(8 * known.length);
    known.forEach((name, i) => {
      bytes.writeBigInt64LE(this.#topicHash(name), 8 * i);
    });
    return hash(bytes);
  }

  #topicHash(name: string): bigint {
    let known = this.#hashes.get(name);
    if (known === undefined) {
      known = hash(topicBytes(this.#image.topics.get(name)!, this.#image));
      this.#hashes.set(name, known);
    }
    return known;
  }
}

function hash(bytes: Buffer): bigint {
  return BigInt.asIntN(64, xxhash().xxh3.xxh64(bytes));
}

/**
 * Utils.computeTopicHash through hash4j's stream, which is little-endian and follows a string by its length:
 *
 *     0 | id (two int64) | name (UTF-16) | length of the name | partitions | per partition: its number, its sorted racks
 *     a rack: length | rack (UTF-16) | length
 */
function topicBytes(topic: TopicImage, image: Image): Buffer {
  const id = uuidToBytes(topic.id);
  const parts = [Buffer.of(TOPIC_HASH_MAGIC), id.subarray(0, 8).reverse(), id.subarray(8).reverse()];
  parts.push(utf16(topic.name), int32(topic.name.length), int32(topic.partitions.length));
  topic.partitions.forEach(({ replicas }, partition) => {
    parts.push(int32(partition));
    const racks = replicas
      .map((replica) => image.brokers.get(replica)?.rack)
      .filter((rack) => typeof rack === 'string');
    for (const rack of racks.sort()) parts.push(int32(rack.length), utf16(rack), int32(rack.length));
  });
  return Buffer.concat(parts);
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
