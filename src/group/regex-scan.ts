// One run of a group's regular expressions over all topics, in slices: it may be long (10,000 topics, a hostile pattern),
// and the broker has other things to do. The topics are those of the moment it began, as far as the member that made it
// necessary may see them (as in Kafka: what another member of the group may see does not matter).
import type { MemberContext } from './machine.ts';
import type { TopicPattern } from './topic-pattern.ts';
import type { TopicsView } from './topics-view.ts';

export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>;
  /** Of the metadata image it was matched against. */
  readonly version: number;
  readonly timestampMs: number;
}

export class RegexScan {
  readonly #patterns: readonly TopicPattern[];
  readonly #names: readonly string[];
  readonly #version: number;
  readonly #startedAtMs: number;
  readonly #mayDescribe: MemberContext['mayDescribe'];
  readonly #matched = new Map<string, Set<string>>();
  #next = 0;

  constructor(
    patterns: readonly TopicPattern[],
    topics: TopicsView,
    nowMs: number,
    mayDescribe?: MemberContext['mayDescribe'],
  ) {
    this.#patterns = patterns;
    this.#names = [...topics.names()];
    this.#version = topics.version;
    this.#startedAtMs = nowMs;
    this.#mayDescribe = mayDescribe;
    for (const pattern of patterns) this.#matched.set(pattern.text, new Set());
  }

  /** Goes on until about `budget` steps were made (TopicPattern.cost); true when it is through. */
  run(budget: number): boolean {
    let left = budget;
    const pairs = this.#names.length * this.#patterns.length;
    while (this.#next < pairs) {
      if (left <= 0) return false;
      const name = this.#names[Math.floor(this.#next / this.#patterns.length)] as string;
      const pattern = this.#patterns[this.#next % this.#patterns.length] as TopicPattern;
      if (pattern.matches(name) && this.#mayDescribe?.(name) !== false) this.#matched.get(pattern.text)!.add(name);
      left -= pattern.cost(name);
      this.#next++;
    }
    return true;
  }

  result(): Map<string, ResolvedRegex> {
    const entries = [...this.#matched].map(([text, topics]): [string, ResolvedRegex] => [
      text,
      { topics, version: this.#version, timestampMs: this.#startedAtMs },
    ]);
    return new Map(entries);
  }
}
