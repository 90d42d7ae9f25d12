// Parsers for single arguments and options; what they refuse ends the command with exit code 2.
import { usageFailure } from './command-failure.ts';
import { InvalidArgumentError } from './commander.ts';
import { DURATION_UNITS_MS, splitOnce } from './position.ts';

/** For commander's `argParser`: a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(
        max === Number.MAX_SAFE_INTEGER
          ? `Write a whole number from ${min}.`
          : `Write a whole number from ${min} to ${max}.`,
      );
    }
    return value;
  };
}

/** `90s`, `15m`, `2h`; a number alone is milliseconds. */
export function durationMs(text: string): number {
  const parts = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text);
  if (parts === null) throw new InvalidArgumentError('Write a duration as 90s, 15m or 2h.');
  return Number(parts[1]) * (DURATION_UNITS_MS[parts[2] ?? 'ms'] ?? 1);
}

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** `0,2,5-7` → [0, 2, 5, 6, 7]. */
export function partitionList(text: string): number[] {
  const partitions = new Set<number>();
  for (const part of text.split(',')) {
    const range = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part.trim());
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (range === null || last < first) throw new InvalidArgumentError('Write partitions as 0 or 0,2 or 0-3.');
    for (let partition = first; partition <= last; partition++) partitions.add(partition);
  }
  return [...partitions].sort((a, b) => a - b);
}

/** `name=value` pairs; the value may contain further equals signs and may be empty. */
export function keyValuePairs(texts: readonly string[], example: string): [string, string][] {
  return texts.map((text) => {
    const [name, value] = splitOnce(text, '=');
    if (name === '' || value === undefined)
      throw usageFailure(`${text} is not of the form name=value; write for example ${example}.`);
    return [name, value];
  });
}
