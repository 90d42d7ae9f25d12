// fast-check arbitraries of protocol messages, made from their definitions.
import fc from 'fast-check';
import type { Message } from '../src/protocol/message.ts';
import { type Field, type Fields, includesVersion } from '../src/protocol/schema.ts';
import { ZERO_UUID } from '../src/protocol/uuid.ts';

/** A decoded message at a version: fields that the version does not have are at their defaults. */
export function arbitraryMessage(message: Message, version: number): fc.Arbitrary<Record<string, unknown>> {
  return structOf(message.fields, version);
}

/** What decoding gives for a field that is not there. */
export function defaultValue(field: Field): unknown {
  const value = field.options.default;
  if (field.type === 'exactInt64') return BigInt((value as number | undefined) ?? 0);
  if (value !== undefined) return value;
  switch (field.type) {
    case 'bool':
      return false;
    case 'uuid':
      return ZERO_UUID;
    case 'string':
      return '';
    case 'bytes':
    case 'records':
      return Buffer.alloc(0);
    case 'array':
      return [];
    case 'struct':
      return Object.fromEntries(Object.entries(field.fields!).map(([name, inner]) => [name, defaultValue(inner)]));
    default:
      return 0;
  }
}

function structOf(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  const values: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, field] of Object.entries(fields)) {
    const { versions } = field.options;
    const present = versions === undefined || includesVersion(versions, version);
    values[name] = present ? fieldOf(field, version) : fc.constant(0).map(() => defaultValue(field));
  }
  return fc.record(values, { noNullPrototype: true });
}

function fieldOf(field: Field, version: number): fc.Arbitrary<unknown> {
  const { nullable } = field.options;
  const mayBeNull = nullable === true || (nullable !== undefined && includesVersion(nullable, version));
  const value = anyValue(field, version);
  return mayBeNull ? fc.option(value) : value;
}

function anyValue(field: Field, version: number): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f });
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff });
    case 'uint16':
      return fc.nat(0xffff);
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.nat(0xffff_ffff);
    case 'int64':
      return fc.maxSafeInteger();
    case 'exactInt64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float64':
      return fc.double({ noNaN: true });
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id).toString('base64url'));
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 60 });
    case 'bytes':
    case 'records':
      // Now and then long enough to be passed by reference.
      return fc.oneof(
        { weight: 9, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
        { weight: 1, arbitrary: fc.nat(0xff).map((byte) => Buffer.alloc(1024 + byte, byte)) },
      );
    case 'array':
      return fc.array(anyValue(field.element!, version), { maxLength: 3 });
    case 'struct':
      return structOf(field.fields!, version);
  }
}
