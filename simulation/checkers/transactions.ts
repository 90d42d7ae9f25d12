// Promises about transactions, by what readers of committed records were shown and not shown:
//   aborted-visible    nothing of a transaction that was not committed is shown
//   committed-hidden   everything of a transaction that was committed is shown
//   torn               a transaction of which nobody knows the end is shown as a whole or not at all
//   undecided          what was shown once is not hidden later, nor the other way round
import type { HistoryEvent } from '../history.ts';
import type { Violation } from './violation.ts';

interface Transaction {
  readonly ids: string[];
  decision: 'committed' | 'aborted' | 'unknown';
}

export function checkTransactions(events: readonly HistoryEvent[]): Violation[] {
  const transactions = new Map<string, Transaction>();
  const sends = new Map<number, { transaction: string; ids: readonly string[] }>();
  const committedReads = new Set<number>();
  const shown = new Set<string>();
  const hidden = new Set<string>();
  for (const event of events) {
    if (event.type === 'send' && event.transaction !== undefined) {
      sends.set(event.op, { transaction: event.transaction, ids: event.records.map(({ id }) => id) });
      if (!transactions.has(event.transaction)) transactions.set(event.transaction, { ids: [], decision: 'aborted' });
    } else if (event.type === 'sent' && event.outcome === 'ok') {
      const send = sends.get(event.op);
      if (send !== undefined) transactions.get(send.transaction)!.ids.push(...send.ids);
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
  for (const [name, { ids, decision }] of transactions) {
    const visible = ids.filter((id) => shown.has(id));
    const missing = ids.filter((id) => !shown.has(id));
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
