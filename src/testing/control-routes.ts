// What a control port can be asked: for each path what it does with a test broker. JSON in, JSON out; nothing here knows of HTTP but the
// methods' names, so that the routes are read as the table that the guide prints.
import type { ExactlyOnceOptions } from './exactly-once.ts';
import type { Fault } from './fault.ts';
import type { PlannedFault } from './faults.ts';
import type { JournalEntry, JournalFilter } from './journal.ts';
import type { RecordPattern } from './record-pattern.ts';
import type { TestBroker } from './test-broker.ts';
import type { RecordsOptions, TopicRecord } from './topic-view.ts';

export type Json = unknown;

export interface RouteCall {
  readonly broker: TestBroker;
  /** Faults that were added over the control port; those that are over too. */
  readonly faults: Map<number, PlannedFault>;
  /** What stood in the places of `:name`. */
  readonly parts: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** An empty object when there was none. */
  readonly body: Readonly<Record<string, Json>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly call: (call: RouteCall) => Json | Promise<Json>;
}

/** The oldest are forgotten. */
const FAULTS_KNOWN_MAX = 10_000;

type Body<T> = T;

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '', call: ({ broker }) => statusOf(broker) },
  {
    method: 'POST',
    path: 'clock/advance',
    call: async ({ broker, body }) => {
      await broker.clock.advance(body.by as string);
      return clockOf(broker);
    },
  },
  { method: 'GET', path: 'clock', call: ({ broker }) => clockOf(broker) },
  {
    method: 'POST',
    path: 'clock/freeze',
    call: ({ broker }) => {
      broker.clock.freeze();
      return clockOf(broker);
    },
  },
  {
    method: 'POST',
    path: 'clock/resume',
    call: ({ broker }) => {
      broker.clock.resume();
      return clockOf(broker);
    },
  },
  {
    method: 'POST',
    path: 'faults',
    call: ({ broker, faults, body }) => {
      const planned = broker.faults.add(body as unknown as Fault);
      faults.set(planned.id, planned);
      for (const id of faults.keys()) if (faults.size > FAULTS_KNOWN_MAX) faults.delete(id);
      return faultOf(planned);
    },
  },
  { method: 'GET', path: 'faults', call: ({ broker }) => ({ faults: broker.faults.list().map(faultOf) }) },
  {
    method: 'DELETE',
    path: 'faults',
    call: ({ broker }) => {
      broker.faults.clear();
      return {};
    },
  },
  { method: 'GET', path: 'faults/:id', call: ({ faults, parts }) => faultOf(knownFault(faults, parts.id)) },
  {
    method: 'DELETE',
    path: 'faults/:id',
    call: ({ broker, faults, parts }) => ({ removed: broker.faults.remove(knownFault(faults, parts.id).id) }),
  },
  {
    method: 'POST',
    path: 'faults/:id/struck',
    call: async ({ broker, faults, parts, body }) => {
      const planned = knownFault(faults, parts.id);
      const { times = 1, timeoutMs } = body as Body<{ times?: number; timeoutMs?: number }>;
      await broker.waitUntil(
        () => planned.strikes >= times,
        () => `the fault has struck ${planned.strikes} requests, not ${times}`,
        timeoutMs === undefined ? {} : { timeoutMs },
      );
      return faultOf(planned);
    },
  },
  {
    method: 'GET',
    path: 'journal',
    call: ({ broker, query }) => {
      const filter: JournalFilter = Object.fromEntries(
        ['api', 'clientId', 'topic', 'group', 'transactionalId'].flatMap((name) =>
          query.has(name) ? [[name, query.get(name)]] : [],
        ),
      );
      if (query.get('format') === 'text') return broker.journal.toString(filter);
      const { count, isCut } = broker.journal;
      return { count, isCut, entries: broker.journal.entries(filter).map(entryOf) };
    },
  },
  {
    method: 'DELETE',
    path: 'journal',
    call: ({ broker }) => {
      broker.journal.clear();
      return {};
    },
  },
  {
    method: 'POST',
    path: 'idle',
    call: async ({ broker, body }) => {
      await broker.waitForIdle(body);
      return {};
    },
  },
  {
    method: 'GET',
    path: 'topics/:topic/records',
    call: async ({ broker, parts, query }) => {
      const records = await broker.topic(parts.topic!).records(recordsOptions(query));
      return { records: records.map(recordOf) };
    },
  },
  {
    method: 'POST',
    path: 'topics/:topic/expect',
    call: async ({ broker, parts, body }) => {
      const { records, ...options } = body;
      await broker.expectTopic(parts.topic!).toHaveReceived(patterns(records), options);
      return {};
    },
  },
  {
    method: 'POST',
    path: 'topics/:topic/expect-not',
    call: async ({ broker, parts, body }) => {
      const { record, ...options } = body;
      await broker.expectTopic(parts.topic!).notToHaveReceived(patterns([record])[0]!, options);
      return {};
    },
  },
  { method: 'GET', path: 'groups/:group', call: ({ broker, parts }) => broker.group(parts.group!).describe() },
  {
    method: 'POST',
    path: 'groups/:group/caught-up',
    call: async ({ broker, parts, body }) => {
      await broker.group(parts.group!).caughtUp(body);
      return {};
    },
  },
  {
    method: 'POST',
    path: 'exactly-once',
    call: async ({ broker, body }) => {
      const verdict = await broker.exactlyOnce(body as unknown as ExactlyOnceOptions);
      return { ...verdict, toString: undefined, text: String(verdict) };
    },
  },
  {
    method: 'POST',
    path: 'crash',
    call: async ({ broker, body }) => {
      await broker.crash(body);
      return statusOf(broker);
    },
  },
  {
    method: 'POST',
    path: 'start',
    call: async ({ broker }) => {
      await broker.start();
      return statusOf(broker);
    },
  },
  {
    method: 'POST',
    path: 'restart',
    call: async ({ broker }) => {
      await broker.restart();
      return statusOf(broker);
    },
  },
  {
    method: 'GET',
    path: 'leaders/:topic/:partition',
    call: ({ broker, parts }) => ({ leader: broker.leaderOf(parts.topic!, Number(parts.partition)) }),
  },
  {
    method: 'POST',
    path: 'leaders/:topic/:partition',
    call: async ({ broker, parts, body }) => ({
      leader: await broker.moveLeader(parts.topic!, Number(parts.partition), body.to as number | undefined),
    }),
  },
  {
    method: 'POST',
    path: 'coordinators/:kind/:name',
    call: ({ broker, parts, body }) => ({
      coordinator: broker.moveCoordinator(coordinated(parts), body.to as number | undefined),
    }),
  },
  {
    method: 'POST',
    path: 'coordinators/:kind/:name/load',
    call: ({ broker, parts, body }) => {
      broker.loadCoordinator(coordinated(parts), body.for as string);
      return {};
    },
  },
];

/** What does not exist; the message says what there is. */
export class NotFound extends Error {}

function knownFault(faults: ReadonlyMap<number, PlannedFault>, id: string | undefined): PlannedFault {
  const found = faults.get(Number(id));
  if (found === undefined) throw new NotFound(`no fault ${id} was added here.`);
  return found;
}

function coordinated({
  kind,
  name,
}: Readonly<Record<string, string>>): { group: string } | { transactionalId: string } {
  if (kind === 'group') return { group: name! };
  if (kind === 'transaction') return { transactionalId: name! };
  throw new NotFound(`coordinators are those of a group or a transaction, not of a ${kind}.`);
}

export function statusOf(broker: TestBroker): Json {
  const { bootstrapServers, brokers, isRunning } = broker;
  return { bootstrapServers, running: isRunning, brokers, clock: clockOf(broker) };
}

function clockOf({ clock }: TestBroker): Json {
  return { now: clock.now().toISOString(), nowMs: clock.now().getTime(), frozen: clock.frozen };
}

function faultOf({ id, fault, strikes }: PlannedFault): Json {
  return { id, strikes, fault };
}

function entryOf(entry: JournalEntry): Json {
  return {
    ...entry,
    topics: Object.fromEntries([...entry.topics].map(([topic, partitions]) => [topic, [...partitions]])),
    topicNames: undefined,
    groups: [...entry.groups],
    transactionalIds: [...entry.transactionalIds],
  };
}

function recordOf({ keyBytes, valueBytes, ...record }: TopicRecord): Json {
  return {
    ...record,
    keyBase64: keyBytes?.toString('base64') ?? null,
    valueBase64: valueBytes?.toString('base64') ?? null,
  };
}

function recordsOptions(query: URLSearchParams): RecordsOptions {
  const number = (name: string) => (query.has(name) ? { [name]: Number(query.get(name)) } : {});
  const isolation = query.get('isolation') === 'uncommitted' ? { isolation: 'uncommitted' as const } : {};
  return { ...number('partition'), ...number('last'), ...isolation };
}

/** JSON has no regular expressions: `{ "$matches": "^a+$" }` stands for one. */
function patterns(records: Json): RecordPattern[] {
  const revive = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(revive);
    if (typeof value !== 'object' || value === null) return value;
    const { $matches } = value as { $matches?: unknown };
    if (typeof $matches === 'string') return new RegExp($matches);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revive(inner)]));
  };
  if (!Array.isArray(records)) throw new TypeError('"records" is a list of what is expected.');
  return revive(records) as RecordPattern[];
}
