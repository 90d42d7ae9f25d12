// How `ottla consume` prints a record. Keys and values are bytes and leave as the very bytes they are; only JSON, which has
// no bytes, decodes them: UTF-8 as a string, anything else as {"base64": "…"}.
import { isUtf8 } from 'node:buffer';
import { usageFailure } from './command-failure.ts';
import { unescapeBytes } from './text-escapes.ts';

export interface PrintableRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

/** The bytes of one record, in pieces that may be views of the record's own; the delimiter that ends it is included. */
export type RecordFormat = (record: PrintableRecord) => Buffer[];

export interface FormatOptions {
  readonly delimiter: Buffer;
  readonly keySeparator: Buffer;
}

export function recordFormat(format: string, options: FormatOptions): RecordFormat {
  const { delimiter, keySeparator } = options;
  switch (format) {
    case 'value':
      return (record) => [record.value ?? NOTHING, delimiter];
    case 'key-value':
      return (record) => [record.key ?? NOTHING, keySeparator, record.value ?? NOTHING, delimiter];
    case 'json':
      return (record) => [Buffer.from(`${JSON.stringify(jsonRecord(record))}\n`)];
    default:
      return templateFormat(format, delimiter);
  }
}

const NOTHING = Buffer.alloc(0);

const FIELDS: Readonly<Record<string, (record: PrintableRecord) => Buffer>> = {
  topic: (record) => Buffer.from(record.topic),
  partition: (record) => Buffer.from(String(record.partition)),
  offset: (record) => Buffer.from(String(record.offset)),
  timestamp: (record) => Buffer.from(String(record.timestampMs)),
  time: (record) => Buffer.from(isoTime(record.timestampMs)),
  key: (record) => record.key ?? NOTHING,
  value: (record) => record.value ?? NOTHING,
  headers: (record) => Buffer.from(JSON.stringify(record.headers.map(jsonHeader))),
};

function templateFormat(template: string, delimiter: Buffer): RecordFormat {
  if (!template.includes('{')) {
    throw usageFailure(
      `--format ${template} is unknown; write value, key-value, json, or a template such as '{offset} {key} {value}'.`,
    );
  }
  const pieces: ((record: PrintableRecord) => Buffer)[] = [];
  let plainFrom = 0;
  for (const match of template.matchAll(/\{([^{}]*)\}/g)) {
    const field = FIELDS[match[1] ?? ''];
    if (field === undefined) {
      throw usageFailure(`--format: ${match[0]} is unknown; the fields are {${Object.keys(FIELDS).join('} {')}}.`);
    }
    const plain = unescapeBytes(template.slice(plainFrom, match.index));
    pieces.push(() => plain, field);
    plainFrom = match.index + match[0].length;
  }
  const rest = unescapeBytes(template.slice(plainFrom));
  return (record) => [...pieces.map((piece) => piece(record)), rest, delimiter];
}

function jsonRecord(record: PrintableRecord): unknown {
  return {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: jsonBytes(record.key),
    value: jsonBytes(record.value),
    headers: record.headers.map(jsonHeader),
  };
}

function jsonHeader(header: PrintableRecord['headers'][number]): unknown {
  return { key: header.key, value: jsonBytes(header.value) };
}

function jsonBytes(bytes: Buffer | null): string | null | { base64: string } {
  if (bytes === null) return null;
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}

/** ISO 8601, or the plain number where the calendar ends. */
function isoTime(timestampMs: number): string {
  const time = new Date(timestampMs);
  return Number.isNaN(time.getTime()) ? String(timestampMs) : time.toISOString();
}
