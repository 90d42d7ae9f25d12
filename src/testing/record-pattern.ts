// What a test expects of a record: the parts that it names must be as it says, the others may be anything.
import { isDeepStrictEqual } from 'node:util';
import type { TopicRecord } from './topic-view.ts';

/** Text exactly, text that a pattern finds, bytes exactly, or (for values) JSON that has at least these fields. */
export type Expected =
  | string
  | RegExp
  | Uint8Array
  | number
  | boolean
  | null
  | readonly unknown[]
  | { readonly [field: string]: unknown };

export interface RecordPattern {
  readonly partition?: number;
  readonly offset?: number;
  readonly key?: Expected;
  readonly value?: Expected;
  /** These headers, and maybe others. */
  readonly headers?: Readonly<Record<string, Expected>>;
}

const FIELDS: ReadonlySet<string> = new Set(['partition', 'offset', 'key', 'value', 'headers']);

/** A misspelt part must not make every record match. */
export function checkPattern(pattern: RecordPattern): void {
  const fields = typeof pattern === 'object' && pattern !== null ? Object.keys(pattern) : [];
  const unknown = fields.find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw new TypeError(`a record has no ${unknown}; expect ${[...FIELDS].join(', ')}.`);
  if (fields.length === 0) throw new TypeError(`say what is expected of the record: ${[...FIELDS].join(', ')}.`);
}

export function matchesPattern(record: TopicRecord, pattern: RecordPattern): boolean {
  const { partition, offset, key, value, headers } = pattern;
  return (
    (partition === undefined || record.partition === partition) &&
    (offset === undefined || record.offset === offset) &&
    (key === undefined || matchesText(record.key, record.keyBytes, key)) &&
    (value === undefined || matchesText(record.value, record.valueBytes, value)) &&
    Object.entries(headers ?? {}).every(([name, wanted]) => {
      if (!Object.hasOwn(record.headers, name)) return false;
      const text = record.headers[name] ?? null;
      return matchesText(text, text === null ? null : Buffer.from(text), wanted);
    })
  );
}

function matchesText(text: string | null, bytes: Buffer | null, expected: Expected): boolean {
  if (expected === null || text === null) return expected === text;
  if (typeof expected === 'string') return text === expected;
  // A pattern with the flag g remembers where it was.
  if (expected instanceof RegExp) return new RegExp(expected.source, expected.flags.replace(/[gy]/g, '')).test(text);
  if (expected instanceof Uint8Array) return bytes?.equals(expected) ?? false;
  try {
    return includes(JSON.parse(text), expected);
  } catch {
    return false;
  }
}

/** Objects may have more fields than expected; everything else must be the same. */
function includes(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((element, index) => includes(actual[index], element))
    );
  }
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(actual, expected);
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return false;
  return Object.entries(expected).every(
    ([field, wanted]) => Object.hasOwn(actual, field) && includes((actual as Record<string, unknown>)[field], wanted),
  );
}
