// Where reading begins and ends, as written on the command line: `beginning`, `end`, `offset:42`, `offset:-10` (the last
// ten), `time:2026-01-31T12:00:00Z`, `time:1767225600000`, `time:-15m` (fifteen minutes ago).
import { usageFailure } from './command-failure.ts';

export type Position =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'end' }
  /** Negative: that many before the end. */
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timestampMs: number };

export const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function parsePosition(text: string, option: string, nowMs: number): Position {
  if (text === 'beginning' || text === 'end') return { kind: text };
  const [kind, rest] = splitOnce(text, ':');
  if (kind === 'offset' && rest !== undefined && /^-?\d{1,16}$/.test(rest)) {
    const offset = Number(rest);
    if (Number.isSafeInteger(offset)) return { kind: 'offset', offset };
  }
  if (kind === 'time' && rest !== undefined) {
    const timestampMs = parseTime(rest, nowMs);
    if (timestampMs !== undefined) return { kind: 'time', timestampMs };
  }
  throw usageFailure(
    `${option} ${text} is not a position; write beginning, end, offset:42, offset:-10, time:2026-01-31T12:00:00Z or time:-15m.`,
  );
}

function parseTime(text: string, nowMs: number): number | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const ago = /^-(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * (DURATION_UNITS_MS[ago[2] ?? ''] ?? 0);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** `a:b:c` → ['a', 'b:c']; without the separator the second is undefined. */
export function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
