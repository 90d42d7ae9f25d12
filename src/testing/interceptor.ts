// Stands before every API of a test broker: writes the journal, and does to requests what the faults say. Each handler is wrapped
// once, when the broker is put together. Invariant: a request that no fault strikes reaches its handler in the same
// turn, unless time is being advanced.
import type { ApiHandler, Reply, RequestContext } from '../apis/api.ts';
import type { AnyApiHandler } from '../apis/registry.ts';
import type { InterceptedBroker } from '../broker.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Timers } from '../runtime/runtime.ts';
import { durationMs } from './duration.ts';
import { errorAnswer } from './error-answer.ts';
import {
  actionText,
  type CrashAction,
  type DelayAction,
  type ErrorAction,
  type FaultAction,
  type Moment,
  type MoveAction,
} from './fault.ts';
import type { Faults } from './faults.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { plain } from './plain.ts';
import { type Subject, subjectOf } from './request-subject.ts';
import type { VirtualBrokers } from './virtual-brokers.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { dispatchRouted } from './virtual-routing.ts';
import type { WatchedConnection } from './watched-connection.ts';

/** The client id of the test broker's own views (records of a topic, lag of a group): not in the journal, never struck. */
export const OWN_CLIENT_ID = 'ottla-testing';

export interface InterceptorOptions {
  readonly faults: Faults;
  readonly journal: Journal;
  readonly clock: VirtualClock;
  readonly brokers: VirtualBrokers;
  /** Of the run of the broker that is going on. */
  readonly timers: () => Timers;
  readonly connectionOf: (context: RequestContext) => WatchedConnection | undefined;
  readonly onCrash: (action: CrashAction) => void;
  /** A request came or was answered; `isWork` unless it is what clients send all the time. */
  readonly onTraffic: (isWork: boolean) => void;
}

const NO_SUBJECT: Subject = {
  topics: new Map(),
  topicNames: new Map(),
  groups: new Set(),
  transactionalIds: new Set(),
};

/** What clients send whether or not there is anything to do; a Fetch that brings records is another matter. */
const ROUTINE: ReadonlySet<string> = new Set([
  'ApiVersions',
  'Fetch',
  'Heartbeat',
  'ConsumerGroupHeartbeat',
  'Metadata',
]);

interface Exchange {
  readonly broker: InterceptedBroker;
  readonly subject: Subject;
  readonly handler: AnyApiHandler;
  readonly request: unknown;
  readonly context: RequestContext;
  readonly reply: Reply<unknown>;
  readonly entry: JournalEntry;
}

export class Interceptor {
  readonly #options: InterceptorOptions;
  /** Requests that wait for their answer, and what makes their connection forget about them. */
  readonly #waiting = new Map<JournalEntry, () => void>();
  #busy = 0;

  constructor(options: InterceptorOptions) {
    this.#options = options;
  }

  /** Requests that wait for their answer, fetches aside: they wait for data. */
  get busy(): number {
    return this.#busy;
  }

  wrap(handler: AnyApiHandler, broker: InterceptedBroker): AnyApiHandler {
    const wrapped: ApiHandler<unknown, unknown> = {
      ...handler,
      // A request that a fault holds back is looked at later.
      keepsNoBytes: false,
      dispatch: (request, context, reply) =>
        context.clientId === OWN_CLIENT_ID
          ? handler.dispatch(request, context, reply)
          : this.#hold(() => this.#take(handler, request, context, reply, broker), context),
    };
    return wrapped as AnyApiHandler;
  }

  /** Not in the middle of an advance: a heartbeat that happens to come then would keep alive what was to time out. */
  #hold(take: () => void | Promise<void>, context: RequestContext): void | Promise<void> {
    const { advancing } = this.#options.clock;
    if (advancing === undefined) return take();
    return advancing.then(() => (context.connection.closed ? undefined : this.#hold(take, context)));
  }

  #take(
    handler: AnyApiHandler,
    request: unknown,
    context: RequestContext,
    reply: Reply<unknown>,
    broker: InterceptedBroker,
  ): void | Promise<void> {
    const { faults, journal, clock, onTraffic } = this.#options;
    const subject = handler.api.name === 'ApiVersions' ? NO_SUBJECT : subjectOf(request, broker.topicName);
    const entry = journal.add({
      receivedAtMs: clock.nowMs(),
      connection: context.connection.id,
      clientId: context.clientId,
      api: handler.api.name,
      version: context.apiVersion,
      ...subject,
      request: plain(request),
    });
    this.#waiting.set(
      entry,
      context.connection.onClosed(() => this.#ended(entry, 'dropped')),
    );
    if (entry.api !== 'Fetch') this.#busy++;
    onTraffic(!ROUTINE.has(entry.api));
    const exchange = { broker, handler, request, context, reply, entry, subject };
    const fault = faults.isEmpty ? undefined : faults.match({ api: entry.api, clientId: context.clientId, subject });
    if (fault === undefined) return this.#dispatch(exchange);
    entry.faults.push(actionText(fault.action));
    return this.#strike(fault.action, exchange);
  }

  #strike(action: FaultAction, exchange: Exchange): void | Promise<void> {
    if ('delay' in action) return this.#delay(action, exchange);
    if ('error' in action) return this.#refuse(action, exchange);
    if ('move' in action) return this.#move(action, exchange);
    if ('loadCoordinator' in action) {
      this.#load(durationMs(action.loadCoordinator), exchange.subject);
      return this.#dispatch(exchange);
    }
    if ('drop' in action) return this.#instead(action.drop, exchange, () => this.#drop(exchange));
    if ('crash' in action) return this.#instead(action.crash, exchange, () => this.#options.onCrash(action));
    return this.#dispatch(exchange, (response, onSent) => {
      this.#options.connectionOf(exchange.context)?.splitNext(action.split, action.pauseMs ?? 1);
      this.#answer(exchange, response, onSent);
    });
  }

  /** Something else than an answer: before the request has its effect, or after. */
  #instead(moment: Moment, exchange: Exchange, happen: () => void): void | Promise<void> {
    if (moment === 'before') return happen();
    return this.#dispatch(exchange, (response, onSent) => {
      if (response !== null) exchange.entry.response = plain(response);
      onSent?.();
      happen();
    });
  }

  /** `before`, the request meets a broker that is not the right one any more; else the next one does. */
  #move({ move, when = 'before', to }: MoveAction, exchange: Exchange): void | Promise<void> {
    const { subject, broker } = exchange;
    const moved = async (): Promise<void> => {
      if (move === 'coordinator') return this.moveCoordinators(subject, to);
      for (const [topic, partitions] of subject.topics) {
        for (const partition of partitions) await this.moveLeader(broker, topic, partition, to);
      }
    };
    if (when === 'before') return moved().then(() => this.#dispatch(exchange));
    return this.#dispatch(exchange, (response, onSent) => {
      void moved().then(() => this.#answer(exchange, response, onSent));
    });
  }

  async moveLeader(broker: InterceptedBroker, topic: string, partition: number, to?: number): Promise<number> {
    const leader = this.#options.brokers.moveLeader(topic, partition, to);
    await broker.raiseLeaderEpoch(topic, partition);
    return leader;
  }

  moveCoordinators({ groups, transactionalIds }: Pick<Subject, 'groups' | 'transactionalIds'>, to?: number): void {
    for (const group of groups) this.#options.brokers.moveCoordinator('group', group, to);
    for (const id of transactionalIds) this.#options.brokers.moveCoordinator('transaction', id, to);
  }

  #load(forMs: number, { groups, transactionalIds }: Subject): void {
    for (const group of groups) this.#options.brokers.loadCoordinator('group', group, forMs);
    for (const id of transactionalIds) this.#options.brokers.loadCoordinator('transaction', id, forMs);
  }

  #delay({ delay, when = 'before' }: DelayAction, exchange: Exchange): void | Promise<void> {
    const waitMs = durationMs(delay);
    const wait = () => new Promise<void>((resolve) => void this.#options.timers().set(waitMs, resolve));
    if (when === 'before') return wait().then(() => this.#dispatch(exchange));
    return this.#dispatch(exchange, (response, onSent) => {
      void wait().then(() => this.#answer(exchange, response, onSent));
    });
  }

  #refuse({ error, when = 'before' }: ErrorAction, exchange: Exchange): void | Promise<void> {
    const answer = errorAnswer(exchange.handler, exchange.request, ErrorCode[error]);
    // No place for an error in this message, or nobody waits for it (acks=0): as in Kafka, the connection closes.
    if (answer === undefined) return this.#instead(when, exchange, () => this.#drop(exchange));
    if (when === 'before') return this.#answer(exchange, answer);
    return this.#dispatch(exchange, (_response, onSent) => {
      onSent?.();
      this.#answer(exchange, answer);
    });
  }

  #dispatch(exchange: Exchange, deliver?: Reply<unknown>): void | Promise<void> {
    const { broker, handler, request, context, subject } = exchange;
    const reply = deliver ?? ((response, onSent) => this.#answer(exchange, response, onSent));
    const { topicName } = broker;
    return dispatchRouted(this.#options.brokers, { handler, request, context, subject, topicName, reply });
  }

  #answer({ entry, reply }: Exchange, response: unknown, onSent?: () => void): void {
    if (response !== null) entry.response = plain(response);
    this.#ended(entry, response === null ? 'unanswered' : 'answered');
    reply(response, onSent);
  }

  #drop({ context, entry }: Exchange): void {
    this.#ended(entry, 'dropped');
    const connection = this.#options.connectionOf(context);
    if (connection !== undefined) connection.destroy();
    else context.connection.close('a fault of the test');
  }

  #ended(entry: JournalEntry, outcome: 'answered' | 'unanswered' | 'dropped'): void {
    if (entry.outcome !== 'waiting') return;
    entry.outcome = outcome;
    entry.answeredAtMs = this.#options.clock.nowMs();
    this.#waiting.get(entry)?.();
    this.#waiting.delete(entry);
    if (entry.api !== 'Fetch') this.#busy--;
    this.#options.onTraffic(!ROUTINE.has(entry.api) || bringsRecords(entry));
  }

  /** The broker was killed: nothing is answered any more. */
  crashed(): void {
    for (const entry of [...this.#waiting.keys()]) this.#ended(entry, 'dropped');
  }
}

function bringsRecords({ api, response }: JournalEntry): boolean {
  if (api !== 'Fetch' || response === undefined) return false;
  const { responses } = response as { responses: readonly { partitions: readonly { records: unknown }[] }[] };
  return responses.some(({ partitions }) =>
    partitions.some(({ records }) => Array.isArray(records) && records.length > 0),
  );
}
