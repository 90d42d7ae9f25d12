// Regular expressions that clients send, in RE2's syntax, matched in time linear in the name: a pattern comes from anybody, and
// no pattern may stall the broker. What a pattern may expand to is bounded before it is compiled.
import type { RE2JS } from 're2js';
import { onFirstUse } from '../runtime/on-first-use.ts';

const re2js = onFirstUse<typeof import('re2js')>('re2js');

const LENGTH_MAX = 8192;
/** Of the pattern with its counted repetitions written out, estimated from above; about 50 ms of compiling. */
const EXPANDED_LENGTH_MAX = 50_000;

/** What is wrong with a pattern, for a sentence that ends with it. */
export class PatternFault extends Error {
  override readonly name = 'PatternFault';
}

export class NamePattern {
  readonly #compiled: RE2JS;

  private constructor(compiled: RE2JS) {
    this.#compiled = compiled;
  }

  /** Throws PatternFault. */
  static compile(text: string): NamePattern {
    const fault = tooLarge(text);
    if (fault !== null) throw new PatternFault(fault);
    try {
      return new NamePattern(re2js().RE2JS.compile(text));
    } catch (error) {
      if (!(error instanceof re2js().RE2JSException)) throw error;
      throw new PatternFault(error.message.replace(/^error parsing regexp: /, ''), { cause: error });
    }
  }

  /** The whole name has to match. */
  matches(name: string): boolean {
    return this.#compiled.testExact(name);
  }

  /** A measure of the worst time that `matches` takes for a name, in steps of some ten nanoseconds. */
  cost(name: string): number {
    return this.#compiled.programSize() * (name.length + 1);
  }
}

function tooLarge(text: string): string | null {
  if (text.length > LENGTH_MAX) return `it is longer than ${LENGTH_MAX} characters`;
  let repetitions = 1;
  for (const [, least, most] of text.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)) {
    repetitions += Math.max(Number(least), Number(most || 0));
  }
  return repetitions * text.length > EXPANDED_LENGTH_MAX ? 'it is too large' : null;
}
