// Keys that nothing in Ottla reads are kept as text, one a line:
//
//   name | type | default | rule | importance | update mode | sentence
//
// A `!` after the name marks a key that Kafka keeps out of listings; default `null` is none, `""` the empty text; rule `-` is none.
import assert from 'node:assert';
import type { ConfigType, Definition, Definitions, Effect, Importance, UpdateMode } from './definition.ts';
import { atLeast, between, listOf, nonEmptyText, oneOf, oneOfIgnoringCase, type Rule } from './rule.ts';

export function readTable(effect: Effect, text: string): Definitions {
  const table: Record<string, Definition> = {};
  for (const line of text.trim().split('\n')) {
    const [name, type, defaultValue, rule, importance, update, documentation] = line.trim().split(' | ');
    assert(name !== undefined && type !== undefined && rule !== undefined && documentation !== undefined, line);
    table[name.replace('!', '')] = {
      type: type as ConfigType,
      defaultValue: defaultValue === 'null' ? null : (defaultValue as string).replace(/^""$/, ''),
      rule: readRule(rule, type),
      importance: importance as Importance,
      update: update as UpdateMode,
      documentation,
      effect,
      internal: name.endsWith('!'),
    };
  }
  return table;
}

function readRule(text: string, type: string): Rule | null {
  if (text === '-' || text === 'non-empty list' || text === 'non-null string') return null;
  if (text === 'non-empty string') return nonEmptyText;
  const range = /^\[(-?[\d.]+?),\.\.\.(?:,(-?[\d.]+))?\]$/.exec(text);
  if (range) return range[2] === undefined ? atLeast(Number(range[1])) : between(Number(range[1]), Number(range[2]));
  const names = /^(\(case insensitive\) )?\[(.*)\]$/.exec(text);
  assert(names?.[2] !== undefined, text);
  const allowed = names[2].split(', ');
  if (type === 'LIST') return listOf(allowed);
  return names[1] === undefined ? oneOf(...allowed) : oneOfIgnoringCase(...allowed);
}
