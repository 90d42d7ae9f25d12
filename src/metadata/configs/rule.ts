// Checks on parsed config values, with Kafka's wording (ConfigDef.Range, ValidString, ValidList, LogConfig's own).
import type { ConfigValue } from './definition.ts';

export interface Rule {
  /** For people: `[0,...]`, `[compact, delete]`. */
  readonly text: string;
  /** A LIST whose elements count once, however often they are given. */
  readonly dropsRepeated?: boolean;
  /** The sentence after "Invalid value x for configuration y: ", or undefined when the value is fine. */
  check(value: ConfigValue, name: string): string | undefined;
  /** A refusal that does not begin with "Invalid value": all of its sentence. Asked first. */
  complaint?(value: ConfigValue, name: string): string | undefined;
}

export function atLeast(min: number): Rule {
  return {
    text: `[${min},...]`,
    check: (value) => ((value as number) < min ? `Value must be at least ${min}` : undefined),
  };
}

export function between(min: number, max: number): Rule {
  return {
    text: `[${min},...,${max}]`,
    check(value) {
      if ((value as number) < min) return `Value must be at least ${min}`;
      return (value as number) > max ? `Value must be no more than ${max}` : undefined;
    },
  };
}

export function oneOf(...allowed: string[]): Rule {
  return {
    text: `[${allowed.join(', ')}]`,
    check: (value) => (allowed.includes(value as string) ? undefined : `String must be one of: ${allowed.join(', ')}`),
  };
}

export function oneOfIgnoringCase(...allowed: string[]): Rule {
  const known = new Set(allowed.map((each) => each.toLowerCase()));
  return {
    text: `(case insensitive) [${allowed.join(', ')}]`,
    check: (value) =>
      known.has((value as string).toLowerCase())
        ? undefined
        : `String must be one of (case insensitive): ${allowed.join(', ')}`,
  };
}

/** Every element known; an empty list is fine. */
export function listOf(allowed: readonly string[]): Rule {
  return {
    text: `[${allowed.join(', ')}]`,
    dropsRepeated: true,
    check: () => undefined,
    complaint(value, name) {
      for (const each of value as readonly string[]) {
        if (each === '') return `Configuration '${name}' values must not be empty.`;
        if (allowed.includes(each)) continue;
        return `Invalid value ${each} for configuration ${name}: String must be one of: ${allowed.join(', ')}`;
      }
      return undefined;
    },
  };
}

export const nonEmptyText: Rule = {
  text: 'non-empty string',
  check: (value) => (value === '' ? 'String must be non-empty' : undefined),
};

export const gzipLevel: Rule = {
  text: '[1,...,9] or -1',
  check: (value) => {
    const level = value as number;
    return level === -1 || (level >= 1 && level <= 9) ? undefined : 'Value must be between 1 and 9 or equal to -1';
  },
};

/** `*`, or a list of `partition:broker`. */
export const throttledReplicas: Rule = {
  text: '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
  check(value, name) {
    const list = value as readonly string[];
    if (list.length === 1 && list[0] === '*') return undefined;
    if (list.every((each) => /^\d+:\d+$/.test(each))) return undefined;
    return `${name} must be the literal '*' or a list of replicas in the following format: ${this.text}`;
  },
};

/** What a share group does without a committed position. */
export const shareOffsetReset: Rule = {
  text: '[latest, earliest, by_duration:PnDTnHnMn.nS]',
  check(value) {
    const text = value as string;
    if (text === 'latest' || text === 'earliest') return undefined;
    const duration = /^by_duration:P(?=.)(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/i;
    return duration.test(text)
      ? undefined
      : `Invalid value ${text}: expected latest, earliest or by_duration:<ISO 8601 duration>, for example by_duration:PT1H`;
  },
};
