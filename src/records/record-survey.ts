// What validating an append needs to know of all records of a batch, learnt in one pass over plain numbers. A survey is an
// opinion on sound batches only: whatever is damaged or unusual (a varint of five bytes, offset deltas with gaps) gives none,
// and then the record cursor, which knows every rule, is asked. So the two cannot disagree on what is refused, or why.

export interface RecordSurvey {
  /** Greatest record timestamp, at least −1 (none has one), as the first record with it has it. */
  readonly maxTimestampMs: number;
  readonly indexOfMaxTimestamp: number;
  /** Smallest record timestamp, those of −1 (none) left out; infinite when no record has one. */
  readonly minTimestampMs: number;
  readonly hasRecordWithoutKey: boolean;
}

const NO_TIMESTAMP = -1;
/** What `varint` answers for one that is longer than it reads. */
const TOO_LONG = -1;

/**
 * Of the `count` records that bytes [start, end) hold, whose offset deltas are 0, 1, 2…; undefined when that is not what they
 * hold, or not certain. Reads never leave the buffer; what lies between `end` and its end may be looked at, but decides nothing.
 */
export function surveyRecords(
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
  baseTimestampMs: number,
): RecordSurvey | undefined {
  let maxTimestampMs = NO_TIMESTAMP;
  let indexOfMaxTimestamp = 0;
  let minTimestampMs = Number.POSITIVE_INFINITY;
  let hasRecordWithoutKey = false;
  let at = start;
  for (let index = 0; index < count; index++) {
    const size = varint(bytes, at);
    if (size === TOO_LONG || isNegative(size)) return undefined;
    at += lengthOf(size);
    const recordEnd = at + magnitudeOf(size);
    if (recordEnd > end) return undefined;

    at += 1;
    const timestampDelta = varint(bytes, at);
    if (timestampDelta === TOO_LONG) return undefined;
    at += lengthOf(timestampDelta);
    const delta = isNegative(timestampDelta) ? -magnitudeOf(timestampDelta) - 1 : magnitudeOf(timestampDelta);
    const timestampMs = baseTimestampMs + delta;
    if (timestampMs > maxTimestampMs) {
      maxTimestampMs = timestampMs;
      indexOfMaxTimestamp = index;
    }
    if (timestampMs < minTimestampMs && timestampMs !== NO_TIMESTAMP) minTimestampMs = timestampMs;

    const offsetDelta = varint(bytes, at);
    if (offsetDelta === TOO_LONG || isNegative(offsetDelta) || magnitudeOf(offsetDelta) !== index) return undefined;
    at += lengthOf(offsetDelta);

    const key = varint(bytes, at);
    if (key === TOO_LONG) return undefined;
    at += lengthOf(key);
    if (isNegative(key)) hasRecordWithoutKey = true;
    else at += magnitudeOf(key);

    const value = varint(bytes, at);
    if (value === TOO_LONG) return undefined;
    at += lengthOf(value);
    if (!isNegative(value)) at += magnitudeOf(value);

    const headers = varint(bytes, at);
    if (headers === TOO_LONG || isNegative(headers)) return undefined;
    at += lengthOf(headers);
    if (headers >= 8) at = behindHeaders(bytes, at, recordEnd, magnitudeOf(headers));
    // Fields only ever move forward, so one comparison finds every field that left its record.
    if (at !== recordEnd) return undefined;
  }
  if (at !== end) return undefined;
  return { maxTimestampMs, indexOfMaxTimestamp, minTimestampMs, hasRecordWithoutKey };
}

/** −1, which ends no record, when they are not certainly sound. */
function behindHeaders(bytes: Buffer, start: number, end: number, count: number): number {
  let at = start;
  if (count > end - start) return -1;
  for (let i = 0; i < count; i++) {
    const key = varint(bytes, at);
    if (key === TOO_LONG || isNegative(key)) return -1;
    at += lengthOf(key) + magnitudeOf(key);
    const value = varint(bytes, at);
    if (value === TOO_LONG) return -1;
    at += lengthOf(value);
    if (!isNegative(value)) at += magnitudeOf(value);
  }
  return at;
}

/**
 * Up to four bytes at `at` in one small integer, so that nothing is allocated and the caller's position stays a local variable:
 * bits 0–1 hold its length less one, bit 2 its sign, the bits above its magnitude (less one when negative). Short, so that
 * V8 makes it part of its caller.
 */
function varint(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return first << 2;
  const second = bytes[at + 1]!;
  if (second < 0x80) return (second << 9) | ((first & 0x7f) << 2) | 1;
  return longVarint(bytes, at);
}

function longVarint(bytes: Buffer, at: number): number {
  const low = (bytes[at]! & 0x7f) | ((bytes[at + 1]! & 0x7f) << 7);
  const third = bytes[at + 2]!;
  if (third < 0x80) return (((third << 14) | low) << 2) | 2;
  const fourth = bytes[at + 3]!;
  if (fourth < 0x80) return (((fourth << 21) | ((third & 0x7f) << 14) | low) << 2) | 3;
  return TOO_LONG;
}

function lengthOf(varint: number): number {
  return (varint & 3) + 1;
}

function isNegative(varint: number): boolean {
  return (varint & 4) !== 0;
}

function magnitudeOf(varint: number): number {
  return varint >> 3;
}
