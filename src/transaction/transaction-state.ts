// The states of a transaction, under the names and numbers that Kafka gives them.
//
//     Empty ──► Ongoing ──► PrepareCommit ──► CompleteCommit ──┐
//       ▲          │                                           ├──► Empty, Ongoing, PrepareAbort (v2), Dead
//       │          └──────► PrepareAbort ──► CompleteAbort ────┘
//       └── InitProducerId
//
// Dead (the id is being forgotten) and PrepareEpochFence (the producer is being fenced) last no longer than a step here;
// no record and no answer ever shows them. They are known because clients filter by their names.

export const TransactionState = {
  EMPTY: 'Empty',
  ONGOING: 'Ongoing',
  PREPARE_COMMIT: 'PrepareCommit',
  PREPARE_ABORT: 'PrepareAbort',
  COMPLETE_COMMIT: 'CompleteCommit',
  COMPLETE_ABORT: 'CompleteAbort',
  DEAD: 'Dead',
  PREPARE_EPOCH_FENCE: 'PrepareEpochFence',
} as const;
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];

/** The index is the number in records. */
const BY_ID: readonly TransactionState[] = Object.values(TransactionState);
const IN_RECORDS: ReadonlySet<TransactionState> = new Set(BY_ID.slice(0, 6));

export function idOfState(state: TransactionState): number {
  return BY_ID.indexOf(state);
}

/** Undefined for a number that no record of a transaction has. */
export function stateInRecord(id: number): TransactionState | undefined {
  const state = BY_ID[id];
  return state !== undefined && IN_RECORDS.has(state) ? state : undefined;
}

export function stateOfName(name: string): TransactionState | undefined {
  return BY_ID.find((state) => state === name);
}

/** Its end is decided, its markers are not all written. */
export function isPrepared(state: TransactionState): boolean {
  return state === TransactionState.PREPARE_COMMIT || state === TransactionState.PREPARE_ABORT;
}

/** Nothing is open: a new transaction may begin, and the id may be forgotten. */
export function isIdle(state: TransactionState): boolean {
  return (
    state === TransactionState.EMPTY ||
    state === TransactionState.COMPLETE_COMMIT ||
    state === TransactionState.COMPLETE_ABORT
  );
}
