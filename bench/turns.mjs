// Several brokers in turns, the same measures on each: Ottla as it is by default (fsync), Ottla with the durability that Kafka has (os), and
// Kafka 4.3. Owns the brokers while it measures; keeps all samples, and in the end prints medians and ratios and writes them to a file.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOttla } from '../test/conformance/broker.mjs';
import { median, writeResult } from './measured.mjs';
import { setUpKafka, startKafka } from './rivals/kafka/kafka.mjs';

/** More than this is slower, and not only the noise of a machine. */
export const RATIO_MAX = 1.05;

/** `{ name, start(settings) }` of each broker; start resolves with `{ bootstrap, pid, stop() }`. */
export function rivals(ottlaOnly) {
  const all = [
    { name: 'ottla fsync', start: (settings) => ottlaWith('fsync', settings) },
    { name: 'ottla os', start: (settings) => ottlaWith('os', settings) },
  ];
  if (ottlaOnly) return all;
  setUpKafka();
  return [...all, { name: 'kafka', start: (settings) => startKafka({ properties: settings }) }];
}

/** `samples` of `measures`, `{ name, unit, better: 'less' or 'more', once, of(broker) }`. */
export class Turns {
  #rivals;
  #rounds;
  #samples = new Map();

  constructor(competing, rounds) {
    this.#rivals = competing;
    this.#rounds = rounds;
  }

  /** Starts all brokers with these settings, prepares each, and takes every measure in rounds, the brokers in turns. */
  async run(settings, prepare, measures) {
    const brokers = [];
    try {
      for (const { name, start } of this.#rivals) brokers.push({ name, ...(await start(settings)) });
      for (const broker of brokers) await prepare(broker);
      for (const measure of measures) {
        for (let round = 0; round < (measure.once ? 1 : this.#rounds); round++) {
          for (const broker of brokers) this.#keep(measure, broker.name, await measure.of(broker));
        }
      }
    } finally {
      for (const broker of brokers) await broker.stop();
    }
  }

  /** Ends the process with status 1 when Ottla (os) is worse than Kafka in anything. */
  summarise(file, what) {
    const names = this.#rivals.map(({ name }) => name);
    const compared = names.includes('kafka');
    console.log(`\n| | ${names.join(' | ')} |${compared ? ' ottla os / kafka |' : ''}`);
    console.log(`|---|${names.map(() => '---:|').join('')}${compared ? '---:|' : ''}`);
    const results = [];
    for (const [key, byBroker] of this.#samples) {
      const { name, unit, better } = JSON.parse(key);
      const medians = Object.fromEntries(names.map((one) => [one, median(byBroker[one])]));
      const ratio = compared ? medians['ottla os'] / medians.kafka : undefined;
      if (ratio !== undefined && (better === 'less' ? ratio > RATIO_MAX : ratio < 1 / RATIO_MAX)) process.exitCode = 1;
      const cells = names.map((one) => `${format(medians[one])} ${unit}`);
      console.log(
        `| ${name} | ${cells.join(' | ')} |${compared ? ` ${ratio.toFixed(3)} (${better} is better) |` : ''}`,
      );
      results.push({ name, unit, better, medians, ratio, samples: byBroker });
    }
    if (compared) writeResult(file, { what, results });
  }

  /** A measure may have one value or several, by what is added to its name: `{ ' p50': 1, ' p99': 2 }`. */
  #keep({ name, unit, better }, broker, values) {
    for (const [suffix, value] of typeof values === 'number' ? [['', values]] : Object.entries(values)) {
      console.log(`${name}${suffix}: ${broker} ${format(value)} ${unit}`);
      const key = JSON.stringify({ name: name + suffix, unit, better });
      if (!this.#samples.has(key)) this.#samples.set(key, {});
      const byBroker = this.#samples.get(key);
      byBroker[broker] ??= [];
      byBroker[broker].push(value);
    }
  }
}

async function ottlaWith(durability, settings) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-ottla-'));
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const broker = await startOttla(join(directory, 'data'), ['--durability', durability, ...set]);
  const stop = async () => {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return { ...broker, stop };
}

function format(value) {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}
