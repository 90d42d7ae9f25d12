// The regular expressions of a consumer group: who begins and ceases to use one, and when all of them are matched against
// the topics again: when one is new, when topics were created, and every `group.consumer.regex.refresh.interval.ms`, but not
// twice within ten seconds. Matching is done in the step itself while it is small, else in slices between other work.
// Source: GroupMetadataManager.maybeUpdateRegularExpressions.
import { type ConsumerGroupMember, sameNames } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { ConsumerGroupStep } from './consumer-group-step.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import { RegexScan } from './regex-scan.ts';
import { TopicPattern } from './topic-pattern.ts';

export const REGEX_TIMER = 'regex';
const REFRESH_INTERVAL_MIN_MS = 10_000;
/** Steps of matching (TopicPattern.cost) before the event loop has its turn: a few milliseconds at worst. */
const SLICE = 250_000;

export interface RegexChange {
  /** The member has another regular expression than before. */
  readonly changed: boolean;
  /** The topics that the group is subscribed to may be others than before. */
  readonly topicsChanged: boolean;
}

export class RegexSubscriptions {
  readonly #state: ConsumerGroupState;
  readonly #world: ConsumerGroupWorld;
  /** Compiled, of the members' regular expressions only. */
  readonly #patterns = new Map<string, TopicPattern>();
  #scan: RegexScan | null = null;

  constructor(state: ConsumerGroupState, world: ConsumerGroupWorld) {
    this.#state = state;
    this.#world = world;
  }

  /** Refuses INVALID_REGULAR_EXPRESSION. */
  check(before: ConsumerGroupMember, member: ConsumerGroupMember): void {
    const text = member.subscribedTopicRegex;
    if (text === '' || text === before.subscribedTopicRegex || this.#state.regexes.count(text) > 0) return;
    this.#patterns.set(text, TopicPattern.compile(text));
  }

  /** The member's metadata was recorded. */
  follow(step: ConsumerGroupStep, before: ConsumerGroupMember, member: ConsumerGroupMember): RegexChange {
    const old = before.subscribedTopicRegex;
    const text = member.subscribedTopicRegex;
    const changed = old !== text;
    const lastRefreshMs = this.#lastRefreshMs();
    let isNew = false;
    let topicsChanged = false;
    if (changed) {
      if (old !== '' && this.#state.regexes.count(old) === 0) this.#drop(step, old);
      isNew = text !== '' && this.#state.regexes.count(text) === 1;
      topicsChanged = text === '' || (!isNew && this.#state.resolvedRegexes.has(text));
    }
    if (this.#mustScan(isNew, lastRefreshMs, step.nowMs)) {
      this.#scan = new RegexScan(this.#compileAll(), this.#world.topics, step.nowMs, step.mayDescribe);
      if (this.continue(step)) topicsChanged = true;
    }
    return { changed, topicsChanged };
  }

  /** Members are gone; regular expressions that were theirs alone go too. */
  dropUnused(step: ConsumerGroupStep, members: readonly ConsumerGroupMember[]): void {
    for (const text of new Set(members.map((member) => member.subscribedTopicRegex))) {
      if (text !== '' && this.#state.regexes.count(text) === 0) this.#drop(step, text);
    }
  }

  /** One slice of matching; true when it ended and some regular expression has other topics than before. */
  continue(step: ConsumerGroupStep): boolean {
    if (this.#scan === null) return false;
    if (!this.#scan.run(SLICE)) {
      step.timer(REGEX_TIMER, 0);
      return false;
    }
    const results = this.#scan.result();
    this.#scan = null;
    let topicsChanged = false;
    for (const [text, resolved] of results) {
      if (this.#state.regexes.count(text) === 0) continue;
      const before = this.#state.resolvedRegexes.get(text)?.topics ?? new Set<string>();
      if (!sameNames(before, resolved.topics)) topicsChanged = true;
      step.putRegex(text, resolved);
    }
    return topicsChanged;
  }

  #mustScan(isNew: boolean, lastRefreshMs: number, nowMs: number): boolean {
    const { regexes, resolvedRegexes } = this.#state;
    if (this.#scan !== null || regexes.size === 0) return false;
    if (nowMs <= lastRefreshMs + REFRESH_INTERVAL_MIN_MS && nowMs >= lastRefreshMs) return false;
    const { regexRefreshIntervalMs } = this.#world.settings(this.#state.groupId);
    return (
      isNew ||
      regexes.size !== resolvedRegexes.size ||
      this.#lastVersion() < this.#world.topics.lastCreationVersion ||
      nowMs > lastRefreshMs + regexRefreshIntervalMs
    );
  }

  #lastRefreshMs(): number {
    for (const { timestampMs } of this.#state.resolvedRegexes.values()) return timestampMs;
    return Number.NEGATIVE_INFINITY;
  }

  #lastVersion(): number {
    for (const { version } of this.#state.resolvedRegexes.values()) return version;
    return 0;
  }

  #compileAll(): TopicPattern[] {
    return [...this.#state.regexes.keys()].map((text) => {
      let pattern = this.#patterns.get(text);
      if (pattern === undefined) this.#patterns.set(text, (pattern = TopicPattern.compileKnown(text)));
      return pattern;
    });
  }

  #drop(step: ConsumerGroupStep, text: string): void {
    step.removeRegex(text);
    this.#patterns.delete(text);
  }
}
