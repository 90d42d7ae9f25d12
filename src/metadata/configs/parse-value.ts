// Text → value and back, by Kafka's rules (ConfigDef.parseType, convertToString) and with its wording of refusals.
import type { ConfigType, ConfigValue, Definition } from './definition.ts';
import type { Rule } from './rule.ts';

/** A value that cannot be: `message` says which key, which value and why. An expected outcome, answered as INVALID_CONFIG. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** The value, checked by the definition's rule. Throws ConfigError. */
export function parseConfig(name: string, definition: Definition, text: string | null): ConfigValue {
  const parsed = text === null ? null : parseText(name, definition.type, text);
  const value = Array.isArray(parsed) && definition.rule?.dropsRepeated ? [...new Set(parsed)] : parsed;
  if (value === null) {
    if (definition.defaultValue === null) return null;
    throw new ConfigError(`Invalid value null for configuration ${name}: Value must be non-null`);
  }
  const complaint = definition.rule?.complaint?.(value, name);
  if (complaint !== undefined) throw new ConfigError(complaint);
  const objection = definition.rule?.check(value, name);
  if (objection !== undefined) {
    throw new ConfigError(`Invalid value ${shown(definition, value)} for configuration ${name}: ${objection}`);
  }
  return value;
}

/** The text Kafka shows for a value that was written as `text`: trimmed, numbers in their plain form, lists joined by ','. */
export function canonicalText(type: ConfigType, text: string, rule?: Rule | null): string {
  const trimmed = text.trim();
  switch (type) {
    case 'BOOLEAN':
      return trimmed.toLowerCase();
    case 'INT':
    case 'SHORT':
    case 'LONG':
      return String(BigInt(trimmed.replace(/^\+/, '')));
    case 'DOUBLE':
      return javaDouble(parseDouble(trimmed));
    case 'LIST':
      return (rule?.dropsRepeated ? [...new Set(splitList(trimmed))] : splitList(trimmed)).join(',');
    default:
      return trimmed;
  }
}

/** Elements of a LIST: split at commas, spaces around them dropped; blank text is the empty list. */
export function splitList(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === '' ? [] : trimmed.split(/\s*,\s*/);
}

const BITS = { SHORT: 16n, INT: 32n, LONG: 64n } as const;

function parseText(name: string, type: ConfigType, text: string): ConfigValue {
  const trimmed = text.trim();
  switch (type) {
    case 'BOOLEAN': {
      const lower = trimmed.toLowerCase();
      if (lower === 'true' || lower === 'false') return lower === 'true';
      throw new ConfigError(
        `Invalid value ${text} for configuration ${name}: Expected value to be either true or false`,
      );
    }
    case 'SHORT':
    case 'INT':
    case 'LONG':
      return parseInteger(name, type, trimmed, text);
    case 'DOUBLE': {
      const value = parseDouble(trimmed);
      if (!Number.isNaN(value)) return value;
      throw new ConfigError(`Invalid value ${text} for configuration ${name}: Not a number of type DOUBLE`);
    }
    case 'LIST':
      return splitList(trimmed);
    default:
      return trimmed;
  }
}

function parseInteger(name: string, type: keyof typeof BITS, trimmed: string, text: string): number {
  if (/^[+-]?\d{1,32}$/.test(trimmed)) {
    const value = BigInt(trimmed.replace(/^\+/, ''));
    const limit = 1n << (BITS[type] - 1n);
    if (value >= -limit && value < limit) return clampToSafe(Number(value));
  }
  throw new ConfigError(`Invalid value ${text} for configuration ${name}: Not a number of type ${type}`);
}

function clampToSafe(value: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

function parseDouble(trimmed: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/.test(trimmed) ? Number.parseFloat(trimmed) : Number.NaN;
}

/** As Java prints a double: 1.0, 0.5, 1.0E10, 1.7976931348623157E308. */
function javaDouble(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e7)) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${exponent.replace('+', '')}`;
}

function shown(definition: Definition, value: ConfigValue): string {
  if (definition.type === 'PASSWORD') return '[hidden]';
  if (definition.type === 'DOUBLE') return javaDouble(value as number);
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}
