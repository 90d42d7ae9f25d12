// Promises about registers (committed offsets, configs, the existence of topics): each is linearizable. `stale` is the
// complaint: a read showed a value that somebody had certainly replaced before the read began, or that nobody wrote.
// A write whose outcome is unknown may have had its effect at any time since, or not at all.
import type { HistoryEvent } from '../history.ts';
import type { Violation } from './violation.ts';

interface Write {
  readonly value: string;
  readonly askedAt: number;
  /** Infinity until answered, and for ever when the outcome is unknown. */
  answeredAt: number;
  refused: boolean;
}

export function checkRegisters(events: readonly HistoryEvent[]): Violation[] {
  const writes = new Map<string, Write[]>();
  const byOp = new Map<number, Write>();
  const reads: { register: string; askedAt: number; answeredAt: number; value: string }[] = [];
  const asked = new Map<number, { register: string; askedAt: number }>();
  events.forEach((event, at) => {
    switch (event.type) {
      case 'write': {
        const write = { value: event.value, askedAt: at, answeredAt: Number.POSITIVE_INFINITY, refused: false };
        byOp.set(event.op, write);
        const list = writes.get(event.register);
        if (list) list.push(write);
        else writes.set(event.register, [write]);
        break;
      }
      case 'written': {
        const write = byOp.get(event.op)!;
        write.refused = event.outcome === 'refused';
        if (event.outcome === 'ok') write.answeredAt = at;
        break;
      }
      case 'read':
        asked.set(event.op, { register: event.register, askedAt: at });
        break;
      case 'read-value':
        reads.push({ ...asked.get(event.op)!, answeredAt: at, value: event.value });
        break;
      default:
    }
  });
  const violations: Violation[] = [];
  for (const read of reads) {
    const known = (writes.get(read.register) ?? []).filter(({ refused }) => !refused);
    const initial: Write = { value: '', askedAt: -2, answeredAt: -1, refused: false };
    if ([initial, ...known].some((write) => couldBe(write, read, known))) continue;
    const wrote = known.map(({ value }) => value).join(', ');
    const sentence = `${read.register} was read as "${read.value}"; written were, in the order of asking: ${wrote || 'nothing'}`;
    violations.push({ checker: 'stale', sentence });
  }
  return violations;
}

function couldBe(
  write: Write,
  read: { value: string; askedAt: number; answeredAt: number },
  all: readonly Write[],
): boolean {
  if (write.value !== read.value || write.askedAt > read.answeredAt) return false;
  // Somebody else's came wholly after this one and wholly before the read.
  return !all.some((other) => other.askedAt > write.answeredAt && other.answeredAt < read.askedAt);
}
