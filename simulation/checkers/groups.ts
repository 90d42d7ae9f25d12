// Promises about groups:
//   not-handed-out     what was acknowledged and not deleted is handed out to some member once the faults are over
//   two-owners         no partition belongs to two members at once: who is given it gets it after the other gave it up
// The second is about members that live: one that was silent for longer than its session may be replaced unheard, so that the
// caller says which handovers are excused.
import type { HistoryEvent, LogKey } from '../history.ts';
import type { Violation } from './violation.ts';

export interface GroupsExpected {
  readonly group: string;
  /** Where it reads, and from which offset at most: what is there now, from the log start. */
  readonly present: ReadonlyMap<LogKey, readonly string[]>;
}

export function checkGroupProgress(events: readonly HistoryEvent[], expected: readonly GroupsExpected[]): Violation[] {
  const handed = new Map<string, Set<string>>();
  for (const event of events) {
    if (event.type !== 'handed-out') continue;
    let ids = handed.get(event.group);
    if (ids === undefined) handed.set(event.group, (ids = new Set()));
    for (const id of event.ids) ids.add(id);
  }
  const violations: Violation[] = [];
  for (const { group, present } of expected) {
    for (const [log, ids] of present) {
      const missing = ids.filter((id) => handed.get(group)?.has(id) !== true);
      if (missing.length === 0) continue;
      const sentence = `group ${group} was never handed ${missing.length} of ${ids.length} records of ${log}, the first is ${missing[0]}`;
      violations.push({ checker: 'not-handed-out', sentence });
    }
  }
  return violations;
}
