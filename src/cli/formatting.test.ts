// What people and programs see of records, numbers and tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from './line-splitter.ts';
import { parsePosition } from './position.ts';
import { type PrintableRecord, recordFormat } from './record-format.ts';
import { formatBytes, formatCount, formatDuration, formatTable } from './table.ts';
import { unescapeBytes } from './text-escapes.ts';

const NOW_MS = Date.parse('2026-01-31T12:00:00Z');
const OPTIONS = { delimiter: Buffer.from('\n'), keySeparator: Buffer.from('\t') };

const RECORD: PrintableRecord = {
  topic: 'orders',
  partition: 2,
  offset: 41,
  timestampMs: NOW_MS,
  key: Buffer.from('alice'),
  value: Buffer.from([0x00, 0xff, 0x0a, 0xc3]),
  headers: [{ key: 'source', value: Buffer.from('web') }],
};

function printed(format: string, record: PrintableRecord = RECORD): Buffer {
  return Buffer.concat(recordFormat(format, OPTIONS)(record));
}

test('a stream cut anywhere gives the same lines, byte for byte', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const property = fc.property(
    fc.array(bytes, { maxLength: 8 }),
    fc.constantFrom('\n', '\r\n', '--\0'),
    (chunks, delimiter) => {
      const splitter = new LineSplitter(Buffer.from(delimiter), 10_000);
      const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)));
      const last = splitter.finish();
      const whole = Buffer.concat(chunks).toString('latin1').split(delimiter);
      const expected = whole.at(-1) === '' ? whole.slice(0, -1) : whole;
      assert.deepEqual(
        [...lines, ...(last === undefined ? [] : [last])].map((line) => line.toString('latin1')),
        expected,
      );
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('delimiters that straddle chunks are found', () => {
  const property = fc.property(
    fc.array(fc.constantFrom('a', '\r', '\n', 'bc'), { maxLength: 40 }),
    fc.integer({ min: 1, max: 5 }),
    (pieces, size) => {
      const text = pieces.join('');
      const splitter = new LineSplitter(Buffer.from('\r\n'), 1000);
      const lines: Buffer[] = [];
      for (let at = 0; at < text.length; at += size)
        lines.push(...splitter.push(Buffer.from(text.slice(at, at + size))));
      const last = splitter.finish();
      if (last !== undefined) lines.push(last);
      const expected = text.split('\r\n');
      if (expected.at(-1) === '') expected.pop();
      assert.deepEqual(lines.map(String), expected);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test('a line over the limit is refused instead of filling the memory', () => {
  const splitter = new LineSplitter(Buffer.from('\n'), 10);
  splitter.push(Buffer.from('12345'));
  assert.throws(() => splitter.push(Buffer.alloc(7, 'x')), /longer than 10 bytes/);
});

test('values leave as the bytes they are, in every format but JSON', () => {
  assert.deepEqual(printed('value'), Buffer.concat([RECORD.value ?? Buffer.alloc(0), Buffer.from('\n')]));
  assert.deepEqual(
    printed('key-value').subarray(0, 10),
    Buffer.concat([Buffer.from('alice\t'), RECORD.value ?? Buffer.alloc(0)]),
  );
  assert.deepEqual(printed('{value}').subarray(0, 4), RECORD.value);
});

test('a template prints fields and unescapes what stands between them', () => {
  assert.equal(
    printed('{topic}-{partition}\\t{offset} {timestamp} {time} {key} {headers}').toString(),
    'orders-2\t41 1769860800000 2026-01-31T12:00:00.000Z alice [{"key":"source","value":"web"}]\n',
  );
});

test('JSON shows text as text and other bytes in base64, so that nothing is lost', () => {
  assert.deepEqual(JSON.parse(printed('json').toString()), {
    topic: 'orders',
    partition: 2,
    offset: 41,
    timestamp: NOW_MS,
    key: 'alice',
    value: { base64: 'AP8Kww==' },
    headers: [{ key: 'source', value: 'web' }],
  });
  assert.equal(JSON.parse(printed('json', { ...RECORD, value: null }).toString()).value, null);
});

test('an unknown format or field is refused with the known ones', () => {
  assert.throws(() => recordFormat('xml', OPTIONS), /write value, key-value, json, or a template/);
  assert.throws(() => recordFormat('{valeu}', OPTIONS), /\{valeu\} is unknown; the fields are \{topic\}/);
});

test('escapes in arguments stand for their bytes', () => {
  assert.deepEqual(
    unescapeBytes('a\\tb\\x00\\xff\\\\n\\q'),
    Buffer.from([0x61, 9, 0x62, 0, 0xff, 0x5c, 0x6e, 0x5c, 0x71]),
  );
  assert.deepEqual(unescapeBytes('ż'), Buffer.from('ż'));
});

test('positions are read as documented', () => {
  const parse = (text: string) => parsePosition(text, '--from', NOW_MS);
  assert.deepEqual(parse('beginning'), { kind: 'beginning' });
  assert.deepEqual(parse('end'), { kind: 'end' });
  assert.deepEqual(parse('offset:42'), { kind: 'offset', offset: 42 });
  assert.deepEqual(parse('offset:-10'), { kind: 'offset', offset: -10 });
  assert.deepEqual(parse('time:1769860800000'), { kind: 'time', timestampMs: NOW_MS });
  assert.deepEqual(parse('time:2026-01-31T12:00:00Z'), { kind: 'time', timestampMs: NOW_MS });
  assert.deepEqual(parse('time:-15m'), { kind: 'time', timestampMs: NOW_MS - 900_000 });
  for (const wrong of ['', '42', 'offset:', 'offset:1.5', 'time:', 'time:yesterday', 'offset:99999999999999999']) {
    assert.throws(() => parse(wrong), { name: 'CommandFailure', exitCode: 2 }, wrong);
  }
});

test('tables are as wide as their content, numbers stand to the right', () => {
  assert.equal(
    formatTable(
      ['topic', 'partitions', 'note'],
      [
        ['orders', 4, 'x'],
        ['a-longer-name', 1200, null],
      ],
    ),
    'topic          partitions  note\norders                  4  x\na-longer-name       1,200  -\n',
  );
});

test('sizes, counts and durations read like a person would say them', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 999, 1000, 999_960, 2_370_789].map(formatBytes), ['0 B', '999 B', '1.0 KB', '1.0 MB', '2.4 MB']);
  assert.deepEqual([83.6, 999.6, 1234, 185_000].map(formatDuration), ['84 ms', '1.0 s', '1.2 s', '3 min 5 s']);
});
