// The promise of exactly once, by what stands in the end in topics of copies (workloads/copiers.ts), for readers of committed
// records:
//   copied-twice       no record is copied twice
//   copied-late        copies stand in the order of what they are copies of
//   not-copied         every record that such a reader is shown is copied
import { logKey } from '../history.ts';
import type { FinalReading } from './log-contents.ts';
import type { Violation } from './violation.ts';

const COPY = /^copy \d+\/(\d+) /;

export function checkCopies(
  finals: readonly FinalReading[],
  topics: readonly { readonly name: string; readonly topicId: string; readonly partitions: number }[],
): Violation[] {
  const input = topics.find(({ name }) => name === 'input');
  if (input === undefined) return [];
  const shown = (topicId: string, partition: number) => {
    const final = finals.find(({ log }) => log === logKey(topicId, partition))!;
    const hidden = new Set(final.hidden);
    return final.records.filter(({ id }) => !hidden.has(id));
  };
  return topics.flatMap(({ topicId, partitions }) => {
    const copied = Array.from({ length: partitions }, (_, partition) => copiesIn(shown(topicId, partition)));
    // Without copiers there are no copies.
    if (copied.every((copies) => copies.length === 0)) return [];
    return copied.flatMap((copies, partition) => checkPartition(shown(input.topicId, partition), copies, partition));
  });
}

interface Copy {
  readonly id: string;
  readonly offset: number;
  /** The offset of the original. */
  readonly source: number;
}

function copiesIn(records: readonly { readonly offset: number; readonly id: string }[]): Copy[] {
  return records.flatMap(({ id, offset }) => {
    const source = COPY.exec(id)?.[1];
    return source === undefined ? [] : [{ id, offset, source: Number(source) }];
  });
}

function checkPartition(
  originals: readonly { readonly offset: number; readonly id: string }[],
  copies: readonly Copy[],
  partition: number,
): Violation[] {
  const violations: Violation[] = [];
  const complain = (checker: string, sentence: string) => violations.push({ checker, sentence });
  const bySource = new Map<number, Copy>();
  let before: Copy | undefined;
  for (const copy of copies) {
    const other = bySource.get(copy.source);
    if (other !== undefined)
      complain('copied-twice', `${other.id} at ${other.offset} again as ${copy.id} at ${copy.offset}`);
    else if (before !== undefined && copy.source < before.source)
      complain('copied-late', `${copy.id} after ${before.id}`);
    bySource.set(copy.source, copy);
    before = copy;
  }
  for (const { offset, id } of originals) {
    if (!bySource.has(offset)) complain('not-copied', `${id}, at ${offset} of partition ${partition}`);
  }
  return violations;
}
