// `ssl.principal.mapping.rules`: how the distinguished name of a client's certificate becomes a user name (KIP-371).
// `RULE:pattern/replacement/[LU]` applies when the pattern matches the whole name, the first that does wins; `DEFAULT`
// takes the name as it is. Patterns run in linear time (RE2): names come from certificates that others made.
import { onFirstUse } from '../runtime/on-first-use.ts';

const re2js = onFirstUse<typeof import('re2js')>('re2js');

type Rule = (distinguishedName: string) => string | undefined;

const RULE = /^RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?)$/s;
const SPLITTER = /\s*(DEFAULT|RULE:(?:\\.|[^\\/])*\/(?:\\.|[^\\/])*\/[LU]?[^,]*|[^,]*)\s*(?:,\s*|$)/gs;

export class PrincipalMapping {
  readonly #rules: readonly Rule[];

  /** Throws an Error that names the rule that is none. */
  constructor(text: string) {
    this.#rules = splitRules(text).map(parseRule);
  }

  /** Undefined when no rule applies: such a client is nobody, and is refused. */
  nameOf(distinguishedName: string): string | undefined {
    for (const rule of this.#rules) {
      const name = rule(distinguishedName);
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

function splitRules(text: string): string[] {
  return [...text.trim().matchAll(SPLITTER)].map((match) => match[1]!.trim()).filter((rule) => rule !== '');
}

function parseRule(text: string): Rule {
  if (text === 'DEFAULT') return (name) => name;
  const [, pattern, replacement, letterCase] = RULE.exec(text) ?? [];
  if (pattern === undefined || replacement === undefined) throw new Error(`"${text}" is not a rule`);
  const compiled = re2js().RE2JS.compile(pattern);
  return (distinguishedName) => {
    const matcher = compiled.matcher(distinguishedName);
    if (!matcher.matches()) return undefined;
    const name = fillIn(replacement, (group) => matcher.group(group) ?? '', compiled.groupCount());
    return letterCase === 'L' ? name.toLowerCase() : letterCase === 'U' ? name.toUpperCase() : name;
  };
}

/** `$12` means group 12 if there is one, else group 1 followed by a 2; without that group either, the text itself. */
function fillIn(replacement: string, group: (index: number) => string, count: number): string {
  return replacement.replace(/\\(.)|\$(\d+)/gs, (whole, escaped: string | undefined, digits: string | undefined) => {
    if (escaped !== undefined) return escaped;
    for (let length = digits!.length; length > 0; length--) {
      const index = Number(digits!.slice(0, length));
      if (index <= count) return group(index) + digits!.slice(length);
    }
    return whole;
  });
}
