// Every request that clients sent and what became of it, in the order of arrival: for a failing test to print, and for the
// oracle. Requests of the test broker's own views are not in it. Invariant: it holds the newest so many; what is older is only counted.
import type { Subject } from './request-subject.ts';

export interface JournalEntry {
  /** From 1, in order of arrival. */
  readonly number: number;
  /** The broker's time. */
  readonly receivedAtMs: number;
  /** The same for all requests of one connection. */
  readonly connection: number;
  readonly clientId: string | null;
  readonly api: string;
  readonly version: number;
  readonly topics: Subject['topics'];
  /** Names of the topic ids in it, as they were then. */
  readonly topicNames: ReadonlyMap<string, string>;
  readonly groups: Subject['groups'];
  readonly transactionalIds: Subject['transactionalIds'];
  /** As plain data; records are summed up, batch by batch. */
  readonly request: unknown;
  /** Undefined while there is none. */
  response: unknown;
  answeredAtMs: number | undefined;
  /** `unanswered`: the API or its acks=0 wants no answer; `dropped`: the connection was broken, or the broker crashed. */
  outcome: 'waiting' | 'answered' | 'unanswered' | 'dropped';
  /** Actions of faults that struck, as in `drop after`. */
  readonly faults: string[];
}

export interface JournalFilter {
  readonly api?: string;
  readonly clientId?: string;
  readonly topic?: string;
  readonly group?: string;
  readonly transactionalId?: string;
}

const LINE_MAX = 300;

export class Journal implements Iterable<JournalEntry> {
  readonly #entriesMax: number;
  #entries: JournalEntry[] = [];
  #count = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** Requests so far, including those too old to be in here. */
  get count(): number {
    return this.#count;
  }

  /** Whether some are too old to be in here. */
  get isCut(): boolean {
    return this.#entries.length < this.#count;
  }

  entries(filter: JournalFilter = {}): JournalEntry[] {
    return this.#entries.slice(-this.#entriesMax).filter((entry) => matches(entry, filter));
  }

  [Symbol.iterator](): Iterator<JournalEntry> {
    return this.entries()[Symbol.iterator]();
  }

  /** Forgets what happened so far. */
  clear(): void {
    this.#entries = [];
    this.#count = 0;
  }

  /** One line for each request; a failing test prints it. */
  toString(filter: JournalFilter = {}): string {
    return this.entries(filter).map(lineOf).join('\n');
  }

  add(entry: Omit<JournalEntry, 'number' | 'response' | 'answeredAtMs' | 'outcome' | 'faults'>): JournalEntry {
    const added: JournalEntry = {
      ...entry,
      number: ++this.#count,
      response: undefined,
      answeredAtMs: undefined,
      outcome: 'waiting',
      faults: [],
    };
    this.#entries.push(added);
    // Cut in pieces, so that a full journal costs no more than an empty one.
    if (this.#entries.length > 2 * this.#entriesMax) this.#entries = this.#entries.slice(-this.#entriesMax);
    return added;
  }
}

function matches(entry: JournalEntry, { api, clientId, topic, group, transactionalId }: JournalFilter): boolean {
  return (
    (api === undefined || entry.api === api) &&
    (clientId === undefined || entry.clientId === clientId) &&
    (topic === undefined || entry.topics.has(topic)) &&
    (group === undefined || entry.groups.has(group)) &&
    (transactionalId === undefined || entry.transactionalIds.has(transactionalId))
  );
}

function lineOf(entry: JournalEntry): string {
  const { number, receivedAtMs, connection, clientId, api, version, answeredAtMs, outcome, faults } = entry;
  const time = new Date(receivedAtMs).toISOString().slice(11, 23);
  const subject = [
    ...[...entry.topics].map(([topic, partitions]) => `${topic}${partitions.size > 0 ? `[${[...partitions]}]` : ''}`),
    ...[...entry.groups].map((group) => `group ${group}`),
    ...[...entry.transactionalIds].map((id) => `transactional id ${id}`),
  ].join(' ');
  const fault = faults.length > 0 ? ` {${faults.join(', ')}}` : '';
  const took = answeredAtMs === undefined ? '' : ` in ${Math.round(answeredAtMs - receivedAtMs)} ms`;
  const response = entry.response === undefined ? '' : ` → ${cut(JSON.stringify(entry.response))}`;
  return `#${number} ${time} connection ${connection} ${clientId ?? '-'} ${api} v${version} ${subject}${fault}: ${outcome}${took}${response}`;
}

function cut(text: string): string {
  return text.length > LINE_MAX ? `${text.slice(0, LINE_MAX)}…` : text;
}
