// Records of the internal topics: `__consumer_offsets` and `__transaction_state`. A key starts with an int16 that is the
// record's type, a value with an int16 that is the version it was written at; a null value is a tombstone.
import { Message } from './message.ts';
import { Reader } from './reader.ts';
import { type DecodedOf, type Fields, type InputOf, type Versions, versionRange } from './schema.ts';
import { decodeVersioned, encodeVersioned } from './versioned.ts';
import { Writer } from './writer.ts';

export interface CoordinatorRecord<Key = unknown, Value = unknown, KeyInput = unknown, ValueInput = unknown> {
  readonly type: number;
  readonly name: string;
  /** Has version 0 only. */
  readonly key: Message<Key, KeyInput>;
  readonly value: Message<Value, ValueInput>;
}

export type RecordKeyOf<R extends CoordinatorRecord> = R['key']['$decoded'];
export type RecordValueOf<R extends CoordinatorRecord> = R['value']['$decoded'];
export type RecordKeyInputOf<R extends CoordinatorRecord> = R['key']['$input'];
export type RecordValueInputOf<R extends CoordinatorRecord> = R['value']['$input'];

export function defineRecord<const K extends Fields, const V extends Fields>(definition: {
  readonly type: number;
  readonly name: string;
  /** Of the value. */
  readonly versions: Versions;
  readonly flexible: Versions | 'none';
  readonly key: K;
  readonly value: V;
}): CoordinatorRecord<DecodedOf<K>, DecodedOf<V>, InputOf<K>, InputOf<V>> {
  const { type, name } = definition;
  const [minVersion, maxVersion] = versionRange(definition.versions);
  const firstFlexible =
    definition.flexible === 'none' ? Number.POSITIVE_INFINITY : versionRange(definition.flexible)[0];
  return {
    type,
    name,
    key: new Message(`${name}Key`, 0, 0, Number.POSITIVE_INFINITY, definition.key),
    value: new Message(`${name}Value`, minVersion, maxVersion, firstFlexible, definition.value),
  };
}

/** The type of a record by its key. Throws ProtocolError when the key is shorter than that. */
export function recordType(key: Buffer): number {
  return new Reader(key).int16();
}

export function encodeRecordKey<Input>(
  record: CoordinatorRecord<unknown, unknown, Input>,
  key: NoInfer<Input>,
): Buffer {
  const writer = new Writer();
  writer.int16(record.type);
  record.key.write(writer, 0, key);
  return Buffer.concat(writer.finish());
}

/** The caller has looked at `recordType`. */
export function decodeRecordKey<Key>(record: CoordinatorRecord<Key>, key: Buffer): Key {
  return record.key.read(new Reader(key, 2), 0);
}

export function encodeRecordValue<Input>(
  record: CoordinatorRecord<unknown, unknown, unknown, Input>,
  version: number,
  value: NoInfer<Input>,
): Buffer {
  return encodeVersioned(record.value, version, value);
}

export function decodeRecordValue<Value>(record: CoordinatorRecord<unknown, Value>, value: Buffer): Value {
  return decodeVersioned(record.value, value).message;
}
