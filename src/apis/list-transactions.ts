// ListTransactions, versions 0 to 2.
//
// Behaviour: the transactions coordinated here, as committed, that pass all filters: producer ids, states (names that are none come
// back as unknown), open for longer than a duration (version 1), a regular expression that the whole transactional id
// matches (version 2). COORDINATOR_LOAD_IN_PROGRESS while some are not known; INVALID_REGULAR_EXPRESSION.
//
// Deviations: expressions are RE2's, which have no look-around and no back references, and are bounded in size; Kafka takes Java's.
//
// KIPs: 664, 994 (duration), 1152 (expression). Source: TransactionStateManager.listTransactionStates.
import { NamePattern, PatternFault } from '../coordinator/name-pattern.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ListTransactionsRequest,
  type ListTransactionsResponseInput,
  listTransactions,
} from '../protocol/messages/list-transactions.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly transactions: Pick<TransactionCoordinator, 'list'> };

export function listTransactionsHandler({
  transactions,
}: Dependencies): ApiHandler<ListTransactionsRequest, ListTransactionsResponseInput> {
  return {
    api: listTransactions,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      const pattern = patternOf(request.transactionalIdPattern);
      if (pattern instanceof PatternFault) return reply(failed(ErrorCode.INVALID_REGULAR_EXPRESSION));
      const filters = {
        producerIds: request.producerIdFilters,
        states: request.stateFilters,
        durationMs: request.durationFilter,
        pattern,
      };
      transactions.list(filters, (list) => {
        if (typeof list === 'number') return reply(failed(list));
        reply({
          throttleTimeMs: 0,
          errorCode: ErrorCode.NONE,
          unknownStateFilters: [...list.unknownStates],
          transactionStates: list.transactions.map(({ transactionalId, producerId, state }) => ({
            transactionalId,
            producerId,
            transactionState: state,
          })),
        });
      });
    },
  };
}

/** An empty one is none, as in Kafka. */
function patternOf(text: string | null): NamePattern | PatternFault | undefined {
  if (text === null || text === '') return undefined;
  try {
    return NamePattern.compile(text);
  } catch (error) {
    if (error instanceof PatternFault) return error;
    throw error;
  }
}

function failed(errorCode: number): ListTransactionsResponseInput {
  return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] };
}
