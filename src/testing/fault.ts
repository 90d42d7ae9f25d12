// A fault as data: which requests it strikes, and what it does to them. Plain JSON, so that a test of any language can say it.
import { ALL_APIS } from '../protocol/all-apis.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type Duration, durationMs } from './duration.ts';

/** All conditions that are given must hold. */
export interface RequestPattern {
  /** Kafka's name of the API, or several: `'Produce'`. */
  readonly api?: string | readonly string[];
  readonly clientId?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly group?: string;
  readonly transactionalId?: string;
}

/** `before`: the request has no effect; `after`: it had its effect (records are appended), and the client does not hear of it. */
export type Moment = 'before' | 'after';

/** The broker's time; `before` the request is looked at (those behind it on its connection wait too), or its answer. */
export interface DelayAction {
  readonly delay: Duration;
  readonly when?: Moment;
}

/** Breaks the connection. */
export interface DropAction {
  readonly drop: Moment;
}

/** Kafka's name of the error, for every partition of the request. */
export interface ErrorAction {
  readonly error: ErrorName;
  readonly when?: Moment;
}

/** Sends the answer in so many pieces, with pauses of real time. */
export interface SplitAction {
  readonly split: number;
  readonly pauseMs?: number;
}

/** Kills the broker and starts it again over what its durability kept, `downFor` later (real time; 0). */
export interface CrashAction {
  readonly crash: Moment;
  readonly powerCut?: boolean;
  readonly downFor?: Duration;
}

/**
 * Another broker becomes leader of the partitions of the request, or coordinator of its groups and transactional ids: `before` (the
 * default) the request, which is then refused, or after it was answered. Needs several brokers; `to` is an id, else the next one.
 */
export interface MoveAction {
  readonly move: 'leader' | 'coordinator';
  readonly when?: Moment;
  readonly to?: number;
}

/** The coordinators of the request's groups and transactional ids load for so long (the broker's time), this request included. */
export interface LoadAction {
  readonly loadCoordinator: Duration;
}

export type FaultAction = DelayAction | DropAction | ErrorAction | SplitAction | CrashAction | MoveAction | LoadAction;

export type ErrorName = Exclude<keyof typeof ErrorCode, 'NONE'>;

export interface Fault extends RequestPattern {
  readonly action: FaultAction;
  /** The first request to strike, counted from now: 1 is the next. Default: 1, or chance with `probability`. */
  readonly nth?: number;
  /** How many requests it strikes, one after the other, from the first on. Default: 1, or all with `probability`. */
  readonly times?: number;
  /** Strikes each request with this chance, 0 to 1; needs a `seed`, so that the same test has the same luck. */
  readonly probability?: number;
  readonly seed?: number;
}

const FIELDS: ReadonlySet<string> = new Set([
  'api',
  'clientId',
  'topic',
  'partition',
  'group',
  'transactionalId',
  'action',
  'nth',
  'times',
  'probability',
  'seed',
]);

/** Throws TypeError with a sentence for a fault that could never be what was meant. */
export function checkFault(fault: Fault): void {
  const unknown = Object.keys(fault).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw new TypeError(`a fault has no ${unknown}; it takes ${[...FIELDS].join(', ')}.`);
  for (const api of apiNames(fault)) {
    if (!ALL_APIS.some(({ name }) => name === api)) throw new TypeError(`Kafka has no API ${api}.`);
  }
  const { nth, times, probability, seed, partition, action } = fault;
  for (const [name, value] of Object.entries({ nth, times })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new TypeError(`${name} is a number from 1 on, not ${value}.`);
    }
  }
  if (probability !== undefined && !(probability >= 0 && probability <= 1)) {
    throw new TypeError(`probability is between 0 and 1, not ${probability}.`);
  }
  if (probability !== undefined && nth !== undefined) throw new TypeError('give nth or probability, not both.');
  if ((probability === undefined) !== (seed === undefined)) throw new TypeError('probability and seed go together.');
  if (partition !== undefined && fault.topic === undefined) throw new TypeError('a partition needs its topic.');
  checkAction(action);
}

const KINDS = ['delay', 'drop', 'error', 'split', 'crash', 'move', 'loadCoordinator'] as const;

function checkAction(action: FaultAction): void {
  const kinds = KINDS.filter((kind) => Object.hasOwn(action ?? {}, kind));
  if (kinds.length !== 1) throw new TypeError(`an action is one of ${KINDS.join(', ')}.`);
  if ('delay' in action) durationMs(action.delay);
  if ('error' in action && !(Object.hasOwn(ErrorCode, action.error) && (action.error as string) !== 'NONE')) {
    throw new TypeError(`Kafka has no error ${action.error}.`);
  }
  if ('split' in action && !(Number.isInteger(action.split) && action.split >= 2 && action.split <= 10_000)) {
    throw new TypeError(`split is a number of pieces from 2 to 10000, not ${action.split}.`);
  }
  if ('loadCoordinator' in action) durationMs(action.loadCoordinator);
  if ('move' in action && action.move !== 'leader' && action.move !== 'coordinator') {
    throw new TypeError(`what moves is a leader or a coordinator, not ${action.move}.`);
  }
  if ('crash' in action) durationMs(action.downFor ?? 0);
  const moment =
    'drop' in action ? action.drop : 'crash' in action ? action.crash : 'when' in action ? action.when : 'after';
  if (moment !== undefined && moment !== 'before' && moment !== 'after') {
    throw new TypeError(`an action happens before or after, not ${moment}.`);
  }
}

export function apiNames({ api }: RequestPattern): readonly string[] {
  return api === undefined ? [] : typeof api === 'string' ? [api] : api;
}

/** For the journal. */
export function actionText(action: FaultAction): string {
  return Object.entries(action)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
