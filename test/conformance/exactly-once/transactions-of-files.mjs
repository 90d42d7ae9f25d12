// What the files of a stopped broker say about the transactions around a breach: which producer wrote which inputs to a partition of the
// output, which offsets the group committed with them, and how each ended; in order of time. So that one failure tells whose it is.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from './compiled.mjs';

const LINES_MAX = 200;
/** Inputs to either side. */
const AROUND = 40;

const { readBatches } = await compiled('records/read-batches.js');
const { readEndTransactionMarker, ControlType } = await compiled('records/control-batch.js');
const { readOffsetKey, readOffsetValue } = await compiled('group/offset-record.js');

/** Prints them. `inputs`: offsets of the input that are of interest. */
export function tellTransactions(dataDirectory, partition, inputs) {
  const told = [
    ...transactionsIn(join(dataDirectory, `output-${partition}`), (record) => Number(`${record.value}`.split(' ')[0])),
    ...readdirSync(dataDirectory)
      .filter((name) => name.startsWith('__consumer_offsets-'))
      .flatMap((name) => transactionsIn(join(dataDirectory, name), (record) => committedOffset(record, partition))),
  ];
  const isNear = ({ numbers }) => inputs.some((input) => numbers.some((one) => Math.abs(one - input) <= AROUND));
  const lines = told.filter(isNear).sort((a, b) => a.atMs - b.atMs || a.offset - b.offset);
  for (const each of lines.slice(0, LINES_MAX)) console.log(`#   ${sentence(each)}`);
  if (lines.length > LINES_MAX) console.log(`#   and ${lines.length - LINES_MAX} more`);
}

/** Each producer's stretches between two markers; `numberOf` gives what is told of a record, or NaN. */
export function transactionsIn(directory, numberOf) {
  const ended = [];
  const open = new Map();
  for (const batch of batchesIn(directory)) {
    const key = `${batch.producerId}:${batch.producerEpoch}`;
    if (batch.isControl) {
      const [record] = batch.records();
      const marker = readEndTransactionMarker(record.key, record.value);
      const [transaction, name] = openOf(open, batch);
      if (transaction === undefined || marker === undefined) continue;
      open.delete(name);
      const outcome = marker.type === ControlType.COMMIT ? 'committed' : 'aborted';
      ended.push({ ...transaction, outcome: `${outcome} by ${key} at ${batch.baseOffset}`, atMs: record.timestampMs });
      continue;
    }
    for (const record of batch.records()) {
      const number = numberOf(record);
      if (Number.isNaN(number)) continue;
      const at = { offset: record.offset, atMs: record.timestampMs };
      if (!batch.isTransactional) {
        ended.push({ directory, producer: key, numbers: [number], outcome: 'outside of a transaction', ...at });
        continue;
      }
      const transaction = open.get(key) ?? { directory, producer: key, numbers: [], ...at };
      transaction.numbers.push(number);
      open.set(key, transaction);
    }
  }
  for (const transaction of open.values()) ended.push({ ...transaction, outcome: 'open' });
  return ended;
}

/** A marker may have the epoch after that of the batches. */
function openOf(open, { producerId, producerEpoch }) {
  for (const epoch of [producerEpoch, producerEpoch - 1]) {
    const transaction = open.get(`${producerId}:${epoch}`);
    if (transaction !== undefined) return [transaction, `${producerId}:${epoch}`];
  }
  return [];
}

function* batchesIn(directory) {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory).sort()) {
    if (name.endsWith('.log')) yield* readBatches(readFileSync(join(directory, name)));
  }
}

function committedOffset({ key, value }, partition) {
  const type = key?.readInt16BE(0);
  if (value === null || (type !== 0 && type !== 1)) return Number.NaN;
  const of = readOffsetKey(type, key);
  return of.topic === 'input' && of.partition === partition ? readOffsetValue(value).offset : Number.NaN;
}

function sentence({ directory, producer, numbers, offset, outcome, atMs }) {
  const time = new Date(atMs).toISOString().slice(11, 23);
  const file = directory.slice(directory.lastIndexOf('/') + 1);
  const last = numbers.at(-1);
  const what = numbers.length === 1 ? `${last}` : `${numbers[0]} to ${last} (${numbers.length})`;
  return `${time} ${file}:${offset} producer ${producer}: ${what}, ${outcome}`;
}
