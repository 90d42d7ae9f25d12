// The orders in which Kafka visits topics. Where an assignor walks a Java hash set, its result depends on that set's order,
// and a group that moves between brokers of both kinds should not be shuffled: so here is that order, and Uuid's natural one.
import { uuidToBytes } from '../../protocol/uuid.ts';

const BUCKETS_MIN = 16;
const LOAD_FACTOR = 0.75;

/** As a `HashSet` made from a collection of them gives them out. */
export function orderOfHashSet(topicIds: Iterable<string>): string[] {
  const ids = [...topicIds];
  return byBucket(ids, powerOfTwo(Math.max(Math.trunc(ids.length / LOAD_FACTOR) + 1, BUCKETS_MIN)));
}

/** As a `HashMap` that they were put into one by one gives them out. */
export function orderOfHashMap(topicIds: Iterable<string>): string[] {
  const ids = [...topicIds];
  return byBucket(ids, powerOfTwo(Math.max(Math.ceil(ids.length / LOAD_FACTOR), BUCKETS_MIN)));
}

/** Uuid.compareTo: as two signed 64-bit numbers. */
export function compareUuids(a: string, b: string): number {
  if (a === b) return 0;
  const left = uuidToBytes(a);
  const right = uuidToBytes(b);
  return (
    left.readInt32BE(0) - right.readInt32BE(0) ||
    left.readUInt32BE(4) - right.readUInt32BE(4) ||
    left.readInt32BE(8) - right.readInt32BE(8) ||
    left.readUInt32BE(12) - right.readUInt32BE(12)
  );
}

/** Within a bucket the order of insertion stays, also when the table grows. */
function byBucket(ids: string[], buckets: number): string[] {
  if (ids.length < 2) return ids;
  return ids
    .map((id) => ({ id, bucket: bucketOf(id, buckets) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ id }) => id);
}

function bucketOf(id: string, buckets: number): number {
  const bytes = uuidToBytes(id);
  const hash = bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
  return (hash ^ (hash >>> 16)) & (buckets - 1);
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
