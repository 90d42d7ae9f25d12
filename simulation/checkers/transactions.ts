// Promises about transactions, by what readers of committed records were shown and not shown:
//   aborted-visible    nothing of a transaction that was not committed is shown
//   committed-hidden   everything of a transaction that was committed is shown
//   torn               a transaction of which nobody knows the end is shown as a whole or not at all
//   undecided          what was shown once is not hidden later, nor the other way round
import type { HistoryEvent, LogKey } from '../history.ts';
import type { Violation } from './violation.ts';

interface Transaction {
  readonly ids: string[];
  /** Of logs that keep everything. */
  readonly lasting: string[];
  decision: 'committed' | 'aborted' | 'unknown';
}

export function checkTransactions(events: readonly HistoryEvent[]): Violation[] {
  const transactions = new Map<string, Transaction>();
  const sends = new Map<number, { transaction: string; log: LogKey; ids: readonly string[] }>();
  const committedReads = new Set<number>();
  const losing = new Set<string>();
  const shown = new Set<string>();
  const hidden = new Set<string>();
  for (const event of events) {
    if (event.type === 'topic-created') {
      if (event.loses !== undefined) losing.add(event.topicId);
    } else if (event.type === 'send' && event.transaction !== undefined) {
      const { transaction, log, records } = event;
      sends.set(event.op, { transaction, log, ids: records.map(({ id }) => id) });
      if (!transactions.has(transaction)) transactions.set(transaction, { ids: [], lasting: [], decision: 'aborted' });
    } else if (event.type === 'sent' && event.outcome === 'ok') {
      const send = sends.get(event.op);
      if (send === undefined) continue;
      const { ids, lasting } = transactions.get(send.transaction)!;
      ids.push(...send.ids);
      if (!losing.has(topicIdOf(send.log))) lasting.push(...send.ids);
    } else if (event.type === 'transaction-ended') {
      const transaction = transactions.get(event.transaction);
      if (transaction !== undefined) transaction.decision = event.decision;
    } else if (event.type === 'fetch' && event.readCommitted) {
      committedReads.add(event.op);
    } else if (event.type === 'fetched' && committedReads.has(event.op)) {
      const notShown = new Set(event.hidden);
      for (const id of notShown) hidden.add(id);
      for (const { id } of event.records) if (!notShown.has(id)) shown.add(id);
    }
  }
  const violations: Violation[] = [];
  const complain = (checker: string, sentence: string) => violations.push({ checker, sentence });
  for (const [name, { ids, lasting, decision }] of transactions) {
    const visible = ids.filter((id) => shown.has(id));
    const missing = lasting.filter((id) => !shown.has(id));
    const both = ids.find((id) => shown.has(id) && hidden.has(id));
    if (both !== undefined) complain('undecided', `${both} of ${name} was shown to one reader and hidden from another`);
    if (decision === 'aborted' && visible.length > 0) {
      complain('aborted-visible', `${visible[0]} was shown, and ${name} was not committed`);
    }
    if (decision === 'committed' && missing.length > 0) {
      complain('committed-hidden', `${missing[0]} was not shown, and ${name} was committed`);
    }
    if (decision === 'unknown' && visible.length > 0 && missing.length > 0) {
      complain('torn', `of ${name}, ${visible[0]} was shown and ${missing[0]} was not`);
    }
  }
  return violations;
}

function topicIdOf(key: LogKey): string {
  return key.slice(0, key.lastIndexOf('/'));
}
