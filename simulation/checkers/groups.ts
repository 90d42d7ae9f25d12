// The promise that groups make progress: once nobody sends any more and nothing goes wrong, what was acknowledged is handed out
// to some member, in a run's time. (That no partition has two owners is checked where the members are: workloads/groups.ts.)
import type { HistoryEvent } from '../history.ts';

export function hasHandedOutAll(events: readonly HistoryEvent[], group: string): boolean {
  return notHandedOut(events, group).length === 0;
}

/** Ids of acknowledged records that no member of the group has seen. */
export function notHandedOut(events: readonly HistoryEvent[], group: string): string[] {
  const handed = new Set<string>();
  const sends = new Map<number, readonly string[]>();
  const acknowledged: string[] = [];
  for (const event of events) {
    if (event.type === 'send' && event.acks === -1)
      sends.set(
        event.op,
        event.records.map(({ id }) => id),
      );
    else if (event.type === 'sent' && event.outcome === 'ok') acknowledged.push(...(sends.get(event.op) ?? []));
    else if (event.type === 'handed-out' && event.group === group) for (const id of event.ids) handed.add(id);
  }
  return acknowledged.filter((id) => !handed.has(id));
}
