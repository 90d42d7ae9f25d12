// Each checker is given a history that breaks its promise and has to complain, and one that does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEvent, SentRecord } from '../history.ts';
import { checkCompacted } from './compacted.ts';
import { checkCopies } from './copies.ts';
import { notHandedOut } from './groups.ts';
import { checkLogContents, type FinalReading } from './log-contents.ts';
import { checkRegisters } from './registers.ts';
import { checkTransactions } from './transactions.ts';
import type { Violation } from './violation.ts';
import { checkWatermarks } from './watermarks.ts';

const log = 'T/0';

function send(op: number, id: string, producer?: string): HistoryEvent {
  return { type: 'send', op, log, acks: -1, records: [{ id, digest: `d${id}` }], producer, mayRepeat: false };
}

function sent(op: number, baseOffset: number, outcome: 'ok' | 'refused' | 'unknown' = 'ok'): HistoryEvent {
  return { type: 'sent', op, outcome, baseOffset };
}

/** A fetch and its answer: one batch for each record. */
function read(op: number, records: readonly (readonly [offset: number, id: string])[], marks = {}): HistoryEvent[] {
  return [
    { type: 'fetch', op, log, offset: 0, readCommitted: false },
    {
      type: 'fetched',
      op,
      highWatermark: 100,
      lastStableOffset: 100,
      logStartOffset: 0,
      spans: records.map(([offset]) => [offset, offset]),
      records: records.map(([offset, id]) => ({ offset, id, digest: `d${id}` })),
      hidden: [],
      ...marks,
    },
  ];
}

function final(records: readonly (readonly [offset: number, id: string])[], logStartOffset = 0): FinalReading {
  const endOffset = (records.at(-1)?.[0] ?? logStartOffset - 1) + 1;
  const read = records.map(([offset, id]) => ({ offset, id, digest: `d${id}` }));
  return { log, logStartOffset, endOffset, records: read, hidden: [] };
}

function checkers(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ checker }) => checker))].sort();
}

const twoSent = [send(1, 'a'), sent(1, 0), send(2, 'b'), sent(2, 1)];

test('a log that holds what was acknowledged, once and in order, is not complained of', () => {
  const events = [
    ...twoSent,
    ...read(3, [
      [0, 'a'],
      [1, 'b'],
    ]),
  ];
  assert.deepEqual(
    checkLogContents(events, [
      final([
        [0, 'a'],
        [1, 'b'],
      ]),
    ]),
    [],
  );
  assert.deepEqual(checkLogContents(events, [final([[1, 'b']], 1)]), [], 'what is below the start may be gone');
});

test('an acknowledged record that is not there is lost, and so is one that somebody has read', () => {
  assert.deepEqual(checkers(checkLogContents(twoSent, [final([[0, 'a']])])), ['lost']);
  const unanswered = [send(1, 'a'), sent(1, -1, 'unknown'), ...read(2, [[0, 'a']])];
  assert.deepEqual(checkers(checkLogContents(unanswered, [final([])])), ['lost']);
});

test('an offset that holds one record and later another was used twice', () => {
  const events = [send(1, 'a'), send(2, 'b'), ...read(3, [[0, 'a']]), ...read(4, [[0, 'b']])];
  assert.deepEqual(checkers(checkLogContents(events, [])), ['offset-reuse']);
});

test('a record that nobody sent, or with other bytes, or that was refused, must not be read', () => {
  assert.deepEqual(checkers(checkLogContents(read(1, [[0, 'x']]), [])), ['never-sent']);
  const changed = read(2, [[0, 'a']]).map((event) =>
    event.type === 'fetched' ? { ...event, records: [{ offset: 0, id: 'a', digest: 'other' }] } : event,
  );
  assert.deepEqual(checkers(checkLogContents([send(1, 'a'), ...changed], [])), ['never-sent']);
  const refused = [send(1, 'a'), sent(1, -1, 'refused'), ...read(2, [[0, 'a']])];
  assert.deepEqual(checkers(checkLogContents(refused, [])), ['never-sent']);
});

test('a record sent once must not be there twice', () => {
  const events = [
    send(1, 'a'),
    ...read(2, [
      [0, 'a'],
      [1, 'a'],
    ]),
  ];
  assert.deepEqual(checkers(checkLogContents(events, [])), ['repeated']);
});

test('what is sent after an acknowledgement must not stand before it, nor a producer’s later batch before its earlier', () => {
  const early = [send(1, 'a'), sent(1, 5), send(2, 'b'), sent(2, 3)];
  assert.deepEqual(checkers(checkLogContents(early, [])), ['order']);
  const swapped = [
    send(1, 'a', 'p'),
    send(2, 'b', 'p'),
    ...read(3, [
      [0, 'b'],
      [1, 'a'],
    ]),
  ];
  assert.deepEqual(checkers(checkLogContents(swapped, [])), ['order']);
});

test('a hole between batches is complained of', () => {
  const events = [
    send(1, 'a'),
    send(2, 'b'),
    ...read(3, [
      [0, 'a'],
      [2, 'b'],
    ]),
  ];
  assert.deepEqual(checkers(checkLogContents(events, [])), ['dense']);
});

test('marks must not go back, and what was acknowledged is below the high watermark', () => {
  const back = [
    ...read(1, [], { highWatermark: 10, lastStableOffset: 10 }),
    ...read(2, [], { highWatermark: 9, lastStableOffset: 9 }),
  ];
  assert.deepEqual(checkers(checkWatermarks(back)), ['mark-went-back']);
  const hidden = [send(1, 'a'), sent(1, 7), ...read(2, [], { highWatermark: 7, lastStableOffset: 7 })];
  assert.deepEqual(checkers(checkWatermarks(hidden)), ['mark-went-back']);
  const asked: HistoryEvent[] = [
    { type: 'delete-records', op: 1, log, beforeOffset: 4 },
    { type: 'deleted-records', op: 1, lowWatermark: 4 },
    { type: 'list-offset', op: 2, log, which: 'earliest' },
    { type: 'listed-offset', op: 2, offset: 0 },
  ];
  assert.deepEqual(checkers(checkWatermarks(asked)), ['mark-went-back']);
});

test('answers to questions that were asked at the same time may come in any order', () => {
  const [askedFirst, answeredLast] = read(1, [], { highWatermark: 9, lastStableOffset: 9 });
  const between = read(2, [], { highWatermark: 10, lastStableOffset: 10 });
  assert.deepEqual(checkWatermarks([askedFirst!, ...between, answeredLast!]), []);
});

test('nothing is handed out beyond the marks, and no start moves by itself', () => {
  const beyond = [send(1, 'a'), ...read(2, [[3, 'a']], { highWatermark: 3, lastStableOffset: 3 })];
  assert.deepEqual(checkers(checkWatermarks(beyond)), ['beyond-the-end']);
  assert.deepEqual(checkers(checkWatermarks(read(1, [], { logStartOffset: 2 }))), ['start-moved']);
});

function write(op: number, value: string, outcome?: 'ok' | 'refused' | 'unknown'): HistoryEvent[] {
  const asked: HistoryEvent = { type: 'write', op, register: 'r', value };
  return outcome === undefined ? [asked] : [asked, { type: 'written', op, outcome }];
}

function look(op: number, value: string): HistoryEvent[] {
  return [
    { type: 'read', op, register: 'r' },
    { type: 'read-value', op, value },
  ];
}

test('a register must not show what was replaced, refused or never written', () => {
  assert.deepEqual(checkers(checkRegisters([...write(1, 'x', 'ok'), ...write(2, 'y', 'ok'), ...look(3, 'x')])), [
    'stale',
  ]);
  assert.deepEqual(checkers(checkRegisters([...write(1, 'x', 'ok'), ...look(2, '')])), ['stale']);
  assert.deepEqual(checkers(checkRegisters([...write(1, 'x', 'refused'), ...look(2, 'x')])), ['stale']);
  assert.deepEqual(checkers(checkRegisters(look(1, 'z'))), ['stale']);
});

test('a register may show a write that is under way or whose outcome nobody knows, also later', () => {
  assert.deepEqual(checkRegisters([...write(1, 'x', 'ok'), ...write(2, 'y'), ...look(3, 'x'), ...look(4, 'y')]), []);
  const late = [...write(1, 'x', 'unknown'), ...write(2, 'y', 'ok'), ...look(3, 'y'), ...look(4, 'x')];
  assert.deepEqual(checkRegisters(late), []);
});

test('a group that was not handed what was acknowledged has made no progress', () => {
  const handed: HistoryEvent = { type: 'handed-out', group: 'g', member: 'm', log, ids: ['a'] };
  assert.deepEqual(notHandedOut([...twoSent, handed], 'g'), ['b']);
  assert.deepEqual(notHandedOut([...twoSent, { ...handed, ids: ['a', 'b'] }], 'g'), []);
});

/** A transaction of two batches, its end, and what a reader of committed records was shown and not shown. */
function transaction(decision: 'committed' | 'aborted' | 'unknown', shown: string[], hidden: string[]): HistoryEvent[] {
  const of = (event: HistoryEvent) => ({ ...event, transaction: 'tx' }) as HistoryEvent;
  const records = [...shown, ...hidden].map((id, offset) => ({ offset, id, digest: `d${id}` }));
  return [
    of(send(1, 'a')),
    sent(1, 0),
    of(send(2, 'b')),
    sent(2, 1),
    { type: 'transaction-ended', transaction: 'tx', decision },
    ...read(3, []).map((event) =>
      event.type === 'fetch' ? { ...event, readCommitted: true } : { ...event, records, hidden },
    ),
  ] as HistoryEvent[];
}

test('transactions are shown as they were decided, and as a whole', () => {
  assert.deepEqual(checkTransactions(transaction('committed', ['a', 'b'], [])), []);
  assert.deepEqual(checkTransactions(transaction('aborted', [], ['a', 'b'])), []);
  assert.deepEqual(checkTransactions(transaction('unknown', [], ['a', 'b'])), []);
  assert.deepEqual(checkers(checkTransactions(transaction('aborted', ['a'], ['b']))), ['aborted-visible']);
  assert.deepEqual(checkers(checkTransactions(transaction('committed', ['a'], ['b']))), ['committed-hidden']);
  assert.deepEqual(checkers(checkTransactions(transaction('unknown', ['a'], ['b']))), ['torn']);
  const changed = [...transaction('committed', ['a', 'b'], []), ...transaction('committed', ['b'], ['a']).slice(-2)];
  assert.deepEqual(checkers(checkTransactions(changed)), ['undecided']);
});

const compactedTopic: HistoryEvent = { type: 'topic-created', topicId: 'T', name: 'compacted', loses: 'replaced' };

function sendKeyed(op: number, id: string, more: Partial<SentRecord> = {}, transaction?: string): HistoryEvent {
  const records = [{ id, digest: `d${id}`, key: 'k', ...more }];
  const event = { type: 'send', op, log, acks: -1, records, producer: undefined, mayRepeat: false } as const;
  return transaction === undefined ? event : { ...event, transaction };
}

function finalKeyed(records: readonly (readonly [offset: number, id: string])[], hidden: string[] = []): FinalReading {
  const { records: read, ...rest } = final(records);
  return { ...rest, records: read.map((record) => ({ ...record, key: 'k' })), hidden };
}

const replaced = [compactedTopic, sendKeyed(1, 'a'), sent(1, 0), sendKeyed(2, 'b'), sent(2, 1)];

test('of a compacted log only the newest record of a key must be there, and a deletion not even then', () => {
  assert.deepEqual(checkCompacted(replaced, [finalKeyed([[1, 'b']])]), []);
  assert.deepEqual(checkers(checkCompacted(replaced, [finalKeyed([])])), ['lost']);
  const deleted = [...replaced, sendKeyed(3, 'c', { isTombstone: true }), sent(3, 2)];
  assert.deepEqual(checkCompacted(deleted, [finalKeyed([])]), []);
  const perhapsDeleted = [...replaced, sendKeyed(3, 'c', { isTombstone: true }), sent(3, -1, 'unknown')];
  assert.deepEqual(checkCompacted(perhapsDeleted, [finalKeyed([])]), []);
});

test('an older record of a key that outlives a newer one is resurrected', () => {
  const deleted = [...replaced, sendKeyed(3, 'c', { isTombstone: true }), sent(3, 2)];
  assert.deepEqual(checkers(checkCompacted(deleted, [finalKeyed([[1, 'b']])])), ['resurrected']);
  assert.deepEqual(
    checkCompacted(deleted, [
      finalKeyed([
        [1, 'b'],
        [2, 'c'],
      ]),
    ]),
    [],
  );
});

test('what an aborted transaction wrote replaces nothing, and what a committed one wrote must be there', () => {
  const ended = (decision: 'committed' | 'aborted'): HistoryEvent[] => [
    ...replaced,
    sendKeyed(3, 'c', {}, 'tx'),
    sent(3, 2),
    { type: 'transaction-ended', transaction: 'tx', decision },
  ];
  assert.deepEqual(checkers(checkCompacted(ended('aborted'), [finalKeyed([[2, 'c']], ['c'])])), ['lost']);
  assert.deepEqual(checkCompacted(ended('aborted'), [finalKeyed([[1, 'b']])]), []);
  assert.deepEqual(checkers(checkCompacted(ended('committed'), [finalKeyed([[1, 'b']])])), ['lost', 'resurrected']);
  assert.deepEqual(checkCompacted(ended('committed'), [finalKeyed([[2, 'c']])]), []);
});

test('copies: each record once, in its order, and none left out; what was aborted does not count', () => {
  const topics = [
    { name: 'input', topicId: 'I', partitions: 1 },
    { name: 'output', topicId: 'O', partitions: 1 },
  ];
  const reading = (key: string, ids: readonly string[], hidden: readonly string[] = []): FinalReading => ({
    log: key,
    logStartOffset: 0,
    endOffset: ids.length,
    records: ids.map((id, offset) => ({ offset, id, digest: '' })),
    hidden,
  });
  const check = (copies: readonly string[], hidden: readonly string[] = []) =>
    checkers(checkCopies([reading('I/0', ['a', 'b', 'x', 'c'], ['x']), reading('O/0', copies, hidden)], topics));
  const [a, b, c] = ['copy 0/0 by A 1', 'copy 0/1 by A 2', 'copy 0/3 by B 1'] as const;
  assert.deepEqual(check([a, 'something else', b, c]), []);
  assert.deepEqual(check(['copy 0/0 by B 0', a, b, c], ['copy 0/0 by B 0']), []);
  assert.deepEqual(check([a, b, 'copy 0/0 by B 0', c]), ['copied-twice']);
  assert.deepEqual(check([a, c, b]), ['copied-late']);
  assert.deepEqual(check([a, c]), ['not-copied']);
  assert.deepEqual(check(['nobody copies']), []);
});
