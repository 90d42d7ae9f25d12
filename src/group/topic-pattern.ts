// Regular expressions by which consumer groups choose topics (coordinator/name-pattern.ts).
import { NamePattern, PatternFault } from '../coordinator/name-pattern.ts';
import { Refusal, refuse } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';

export class TopicPattern {
  readonly text: string;
  readonly #pattern: NamePattern | null;

  private constructor(text: string, pattern: NamePattern | null) {
    this.text = text;
    this.#pattern = pattern;
  }

  /** Refuses with INVALID_REGULAR_EXPRESSION. */
  static compile(text: string): TopicPattern {
    try {
      return new TopicPattern(text, NamePattern.compile(text));
    } catch (error) {
      if (!(error instanceof PatternFault)) throw error;
      return refuse(
        ErrorCode.INVALID_REGULAR_EXPRESSION,
        `SubscribedTopicRegex \`${text}\` is not a valid regular expression: ${error.message}.`,
      );
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
    return this.#pattern?.matches(topic) ?? false;
  }

  /** A measure of the worst time that `matches` takes for a name, in steps of some ten nanoseconds. */
  cost(topic: string): number {
    return this.#pattern?.cost(topic) ?? topic.length + 1;
  }
}
