// Committed offsets as records of `__consumer_offsets`, in Kafka's format.
import {
  decodeRecordKey,
  decodeRecordValue,
  encodeRecordKey,
  encodeRecordValue,
} from '../protocol/coordinator-record.ts';
import { legacyOffsetCommitRecord } from '../protocol/coordinator-records/legacy-offset-commit.ts';
import { type OffsetCommitKey, offsetCommitRecord } from '../protocol/coordinator-records/offset-commit.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { CoordinatorRecord } from './effects.ts';
import type { UnorderedOffset } from './offsets.ts';

/** Version of the value with a topic id, and of the last one with an expiry. */
const VALUE_VERSION = 4;
const VALUE_VERSION_WITH_EXPIRY = 1;

export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  committed: UnorderedOffset,
): CoordinatorRecord {
  const { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = committed;
  const value = {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: commitTimestampMs,
    expireTimestamp: expireTimestampMs,
    topicId,
  };
  const version = expireTimestampMs === -1 ? VALUE_VERSION : VALUE_VERSION_WITH_EXPIRY;
  // The field that a version lacks must have its default.
  const stored = version === VALUE_VERSION ? value : { ...value, leaderEpoch: -1, topicId: ZERO_UUID };
  return {
    key: encodeRecordKey(offsetCommitRecord, { group, topic, partition }),
    value: encodeRecordValue(offsetCommitRecord, version, stored),
  };
}

export function offsetTombstone(group: string, topic: string, partition: number): CoordinatorRecord {
  return { key: encodeRecordKey(offsetCommitRecord, { group, topic, partition }), value: null };
}

/** A key of type 0 or 1. */
export function readOffsetKey(type: number, key: Buffer): OffsetCommitKey {
  return type === offsetCommitRecord.type
    ? decodeRecordKey(offsetCommitRecord, key)
    : decodeRecordKey(legacyOffsetCommitRecord, key);
}

export function readOffsetValue(value: Buffer): UnorderedOffset {
  const decoded = decodeRecordValue(offsetCommitRecord, value);
  return {
    offset: decoded.offset,
    leaderEpoch: decoded.leaderEpoch,
    metadata: decoded.metadata,
    commitTimestampMs: decoded.commitTimestamp,
    expireTimestampMs: decoded.expireTimestamp,
    topicId: decoded.topicId,
  };
}
