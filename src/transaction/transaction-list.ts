// Which transactions a ListTransactions request is told of. Filters on names are regular expressions of anybody, so that
// matching goes in slices between other work. Source: TransactionStateManager.listTransactionStates of Kafka 4.3.
import type { NamePattern } from '../coordinator/name-pattern.ts';
import type { Timers } from '../runtime/runtime.ts';
import type { TransactionMachine } from './transaction-machine.ts';
import { stateOfName, type TransactionState } from './transaction-state.ts';

export interface TransactionFilters {
  /** Empty: all. */
  readonly producerIds: readonly number[];
  /** Names; empty: all. */
  readonly states: readonly string[];
  /** Open for longer than this; negative: all. */
  readonly durationMs: number;
  readonly pattern: NamePattern | undefined;
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: TransactionState;
}

export interface TransactionList {
  readonly transactions: readonly ListedTransaction[];
  readonly unknownStates: readonly string[];
}

/** Steps of NamePattern.cost in one slice: about a millisecond. */
const SLICE_COST = 100_000;

/** `reply` is called at once when there is no pattern. */
export function listTransactions(
  machines: readonly TransactionMachine[],
  filters: TransactionFilters,
  nowMs: number,
  timers: Timers,
  reply: (list: TransactionList) => void,
): void {
  const { producerIds, states, durationMs, pattern } = filters;
  const ofProducers = new Set(producerIds);
  const inStates = new Set<string>(states.filter((name) => stateOfName(name) !== undefined));
  const unknownStates = [...new Set(states)].filter((name) => !inStates.has(name));
  const listed: ListedTransaction[] = [];
  for (const { transactionalId, metadata } of machines) {
    const { producerId, state, startTimestampMs } = metadata;
    if (ofProducers.size > 0 && !ofProducers.has(producerId)) continue;
    if (states.length > 0 && !inStates.has(state)) continue;
    if (durationMs >= 0 && nowMs - startTimestampMs <= durationMs) continue;
    listed.push({ transactionalId, producerId, state });
  }
  if (pattern === undefined) reply({ transactions: listed, unknownStates });
  else matchInSlices(listed, pattern, timers, (transactions) => reply({ transactions, unknownStates }));
}

function matchInSlices(
  listed: readonly ListedTransaction[],
  pattern: NamePattern,
  timers: Timers,
  done: (matching: readonly ListedTransaction[]) => void,
): void {
  const matching: ListedTransaction[] = [];
  let at = 0;
  const slice = () => {
    for (let left = SLICE_COST; left > 0 && at < listed.length; at++) {
      const each = listed[at]!;
      if (pattern.matches(each.transactionalId)) matching.push(each);
      left -= pattern.cost(each.transactionalId);
    }
    if (at < listed.length) timers.defer(slice);
    else done(matching);
  };
  slice();
}
