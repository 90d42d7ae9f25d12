// Durations as people write them in a test: '45s', '7 days', '1h 30m', or a number of milliseconds.

/** Milliseconds, or a text of numbers with units: ms, s, m, h, d, w, or their words (`'2 hours'`). */
export type Duration = number | string;

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/** Throws TypeError for what is no duration, or a negative one. */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration;
  const sum = typeof duration === 'string' ? sumOf(duration) : undefined;
  if (sum !== undefined) return sum;
  throw new TypeError(`${JSON.stringify(duration)} is no duration; write milliseconds, '45s', '2 hours' or '7 days'.`);
}

function sumOf(text: string): number | undefined {
  const pieces = [...text.matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gi)];
  if (pieces.length === 0 || pieces.map(([piece]) => piece).join('') !== text) return undefined;
  let sumMs = 0;
  for (const [, count, word = ''] of pieces) {
    const unit = word.toLowerCase();
    const unitMs = UNITS_MS[unit] ?? UNITS_MS[unit.replace(/s$/, '')];
    if (unitMs === undefined) return undefined;
    sumMs += Number(count) * unitMs;
  }
  return sumMs;
}
