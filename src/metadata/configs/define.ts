// Short builders for the tables of keys: text in, typed definition out.
import type { ConfigType, Definition, Definitions, Effect, Importance, UpdateMode } from './definition.ts';
import type { Rule } from './rule.ts';

const HONOURED: Effect = { kind: 'honoured' };

/** A key of a topic, group or client-metrics resource: always changeable, all of the same importance in Kafka. */
export function resourceKey<const T extends ConfigType, const D extends string | null>(
  type: T,
  defaultValue: D,
  rule: Rule | null,
  documentation: string,
  effect: Effect = HONOURED,
): Definition<T, D> {
  return {
    type,
    defaultValue,
    rule,
    documentation,
    effect,
    importance: 'MEDIUM',
    update: 'per-broker',
    internal: false,
  };
}

/** A broker key that Ottla acts on. */
export function brokerKey<const T extends ConfigType, const D extends string | null>(
  type: T,
  defaultValue: D,
  rule: Rule | null,
  importance: Importance,
  update: UpdateMode,
  documentation: string,
): Definition<T, D> {
  return { type, defaultValue, rule, importance, update, documentation, effect: HONOURED, internal: false };
}

/** Marks every key of a table as tuning something that a later version brings. */
export function later<const T extends Definitions>(feature: string, table: T): T {
  return withEffect({ kind: 'later', feature }, table);
}

/** Marks every key of a table as having nothing to do here. */
export function unused<const T extends Definitions>(reason: string, table: T): T {
  return withEffect({ kind: 'unused', reason }, table);
}

function withEffect<T extends Definitions>(effect: Effect, table: T): T {
  return Object.fromEntries(Object.entries(table).map(([name, each]) => [name, { ...each, effect }])) as T;
}
