// What a configuration key is: type, default, rule, documentation. The tables of keys beside this file are made of these;
// parsing is in parse-value.ts. Types, defaults and rules are Kafka 4.3's, the sentences are ours.
import type { Rule } from './rule.ts';

export type ConfigType = 'BOOLEAN' | 'STRING' | 'INT' | 'SHORT' | 'LONG' | 'DOUBLE' | 'LIST' | 'CLASS' | 'PASSWORD';
export type Importance = 'HIGH' | 'MEDIUM' | 'LOW';
/** Who may change a broker key while the broker runs: nobody, its own broker's configs, or also the cluster-wide default. */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide';

/** What setting a key does here. */
export type Effect =
  | { readonly kind: 'honoured' }
  /** Checked, stored and shown, but what it tunes is not part of this version. */
  | { readonly kind: 'later'; readonly feature: string }
  /** Has no meaning in Ottla: accepted at its default, warned about otherwise, refused when set dynamically. */
  | { readonly kind: 'unused'; readonly reason: string };

export interface Definition<T extends ConfigType = ConfigType, D extends string | null = string | null> {
  readonly type: T;
  /** As written in a properties file; null when the key has no value by default. */
  readonly defaultValue: D;
  readonly rule: Rule | null;
  readonly importance: Importance;
  readonly update: UpdateMode;
  readonly documentation: string;
  readonly effect: Effect;
  /** Kafka leaves these out of DescribeConfigs unless they are set. */
  readonly internal: boolean;
}

export type Definitions = Readonly<Record<string, Definition>>;

interface Values {
  BOOLEAN: boolean;
  STRING: string;
  INT: number;
  SHORT: number;
  LONG: number;
  DOUBLE: number;
  LIST: readonly string[];
  CLASS: string;
  PASSWORD: string;
}

/** A parsed value. LONG beyond the safe integers is cut to the nearest safe one, so Long.MAX_VALUE is Number.MAX_SAFE_INTEGER. */
export type ConfigValue = Values[ConfigType] | null;

/** The parsed value of a definition; `null` only when its default is null. */
export type ValueOf<D> =
  D extends Definition<infer T, infer Default>
    ? Values[T] | (string | null extends Default ? null : Default extends null ? null : never)
    : never;

/** `max.message.bytes` → `maxMessageBytes`. */
export type CamelCase<S extends string> = S extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S extends `${infer Head}_${infer Tail}`
    ? `${Head}${Capitalize<CamelCase<Tail>>}`
    : S;

/** Typed values of a whole table, by camelCase name. */
export type ValuesOf<T extends Definitions> = { readonly [K in keyof T & string as CamelCase<K>]: ValueOf<T[K]> };

export function camelCase(name: string): string {
  return name.replace(/[._](.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Sensitive values are never shown, as in Kafka: passwords, and keys nobody knows. */
export function isSensitive(definition: Definition | undefined): boolean {
  return definition === undefined || definition.type === 'PASSWORD';
}

/** The definition of a key that came from outside: names of Object's own members are no keys. */
export function definitionOf(table: Definitions, name: string): Definition | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
