// Regular expressions of consumer groups, in RE2's syntax, matched in time linear in the name: a pattern comes from
// anybody, and no pattern may stall the broker. What a pattern may expand to is bounded before it is compiled.
import type { RE2JS } from 're2js';
import { Refusal, refuse } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { onFirstUse } from '../runtime/on-first-use.ts';

const re2js = onFirstUse<typeof import('re2js')>('re2js');

const LENGTH_MAX = 8192;
/** Of the pattern with its counted repetitions written out, estimated from above; about 50 ms of compiling. */
const EXPANDED_LENGTH_MAX = 50_000;

export class TopicPattern {
  readonly text: string;
  readonly #compiled: RE2JS | null;

  private constructor(text: string, compiled: RE2JS | null) {
    this.text = text;
    this.#compiled = compiled;
  }

  /** Refuses with INVALID_REGULAR_EXPRESSION. */
  static compile(text: string): TopicPattern {
    const fault = tooLarge(text);
    if (fault !== null) refuseInvalid(text, fault);
    try {
      return new TopicPattern(text, re2js().RE2JS.compile(text));
    } catch (error) {
      if (!(error instanceof re2js().RE2JSException)) throw error;
      return refuseInvalid(text, error.message.replace(/^error parsing regexp: /, ''));
    }
  }

  /** Of a loaded group: one that would be refused today matches nothing. */
  static compileKnown(text: string): TopicPattern {
    try {
      return TopicPattern.compile(text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return new TopicPattern(text, null);
    }
  }

  /** The whole name has to match. */
  matches(topic: string): boolean {
    return this.#compiled?.testExact(topic) ?? false;
  }

  /** A measure of the worst time that `matches` takes for a name, in steps of some ten nanoseconds. */
  cost(topic: string): number {
    return (this.#compiled?.programSize() ?? 1) * (topic.length + 1);
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

function refuseInvalid(text: string, fault: string): never {
  return refuse(
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    `SubscribedTopicRegex \`${text}\` is not a valid regular expression: ${fault}.`,
  );
}
