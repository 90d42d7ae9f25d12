// Records of groups between their decoded form, which machines speak, and their bytes in `__consumer_offsets`.
import {
  decodeRecordKey,
  decodeRecordValue,
  encodeRecordKey,
  encodeRecordValue,
  type CoordinatorRecord as RecordDefinition,
  recordType,
} from '../protocol/coordinator-record.ts';
import { GROUP_RECORDS } from '../protocol/group-records.ts';
import type { CoordinatorRecord } from './effects.ts';
import type { DecodedGroupRecord } from './machine.ts';

/** Version of the value of a GroupMetadata record, as Kafka 4.3 writes it; the others have version 0 only. */
const GROUP_METADATA_VERSION = 3;

export function encodeGroupRecord(record: DecodedGroupRecord): CoordinatorRecord {
  const definition = GROUP_RECORDS.get(record.type) as RecordDefinition;
  const version = record.type === 2 ? GROUP_METADATA_VERSION : 0;
  return {
    key: encodeRecordKey(definition, record.key),
    value: record.value === null ? null : encodeRecordValue(definition, version, record.value),
  };
}

/** Null for records that are not of a classic or consumer group (offsets, share and streams groups, later types). */
export function decodeGroupRecord({ key, value }: CoordinatorRecord): DecodedGroupRecord | null {
  const type = recordType(key);
  if (!MACHINE_RECORDS.has(type)) return null;
  const definition = GROUP_RECORDS.get(type) as RecordDefinition;
  return {
    type,
    key: decodeRecordKey(definition, key),
    value: value === null ? null : decodeRecordValue(definition, value),
  } as DecodedGroupRecord;
}

const MACHINE_RECORDS: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 8, 16]);
