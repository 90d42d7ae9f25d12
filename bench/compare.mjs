// The frame of the benches that compare brokers: the same work against Ottla and Kafka 4.3 in turns (A B A B), medians, ratios and targets as
// a table, and all samples in bench/results/<name>.json, from which `npm run bench -- report` makes docs/benchmarks.md.

import { readFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../test/conformance/broker.mjs';
import { runningBroker, startKafkaFor, startOttlaFor } from './brokers.mjs';
import { setUpGenerator } from './generator.mjs';
import { freeBytes, median, writeResult } from './measured.mjs';
import { pageCacheFile } from './page-cache.mjs';

/** What can be measured: its words in tables, and which way is better. */
export const MEASURES = {
  cpuPerMb: { name: 'server CPU per MB', unit: 'ms', better: 'less' },
  cpuPerRequest: { name: 'server CPU per request', unit: 'µs', better: 'less' },
  cpuPerRecord: { name: 'server CPU per record', unit: 'µs', better: 'less' },
  cpuCores: { name: 'server CPU', unit: 'cores', better: 'less' },
  mbPerSecond: { name: 'throughput', unit: 'MB/s', better: 'more' },
  recordsPerSecond: { name: 'records per second', unit: '/s', better: 'more' },
  requestsPerSecond: { name: 'requests per second', unit: '/s', better: 'more' },
  p50: { name: 'latency p50', unit: 'ms', better: 'less' },
  p99: { name: 'latency p99', unit: 'ms', better: 'less' },
  p999: { name: 'latency p99.9', unit: 'ms', better: 'less' },
  residentMax: { name: 'resident memory under load, most', unit: 'MiB', better: 'less' },
  memoryAdded: { name: 'memory added', unit: 'MiB', better: 'less' },
  startMs: { name: 'start to first accepted record', unit: 'ms', better: 'less' },
  idle: { name: 'resident memory, idle', unit: 'MiB', better: 'less' },
  ms: { name: 'time', unit: 'ms', better: 'less' },
  throughputKept: { name: 'throughput under twice the load, of the peak', unit: '×', better: 'more' },
  /** Not compared: near 1, the generator was the limit and not the broker. */
  clientCores: { name: 'generator CPU', unit: 'cores', better: 'none' },
};

/** The part of a row's targets that says what is asked: bench/targets.json. */
const targets = JSON.parse(readFileSync(join(root, 'bench', 'targets.json'), 'utf8'));

/**
 * Runs a bench: `rows` are `{ name, measure(broker, { seconds, warmSeconds, generate options }) }`, where measure resolves with values by
 * the keys of MEASURES; `fillsPageCache` is for those that write gigabytes. Every row is measured once uncounted, so that Java and V8 have compiled what they
 * will run, then in rounds. A row that keeps a broker far below one core takes longer until it is compiled: its `warmSeconds` say how long.
 */
export async function compare({
  name,
  help,
  durability = 'os',
  settings,
  rows,
  seconds = 4,
  needsGenerator = true,
  fillsPageCache = false,
}) {
  const options = readOptions(name, help, seconds);
  if (needsGenerator) setUpGenerator();
  const chosen = rows.filter((row) => row.name.includes(options.only ?? ''));
  if (chosen.length === 0) throw new Error(`no row of ${name} contains "${options.only}"`);
  const loadBefore = loadavg()[0];
  const brokers = [];
  const samples = new Map(chosen.map((row) => [row, {}]));
  const pageCache = fillsPageCache ? pageCacheFile() : undefined;
  try {
    for (const start of startersOf(options, durability, settings)) brokers.push(await start());
    for (const row of chosen) {
      pageCache?.fill();
      const seconds = options.warm ?? Math.max(options.seconds, row.warmSeconds ?? 2);
      for (const broker of brokers) await row.measure(broker, { ...options.run, seconds, warmSeconds: 0 });
      // Where the brokers write (brokers.mjs).
      let freeBefore = freeBytes(tmpdir());
      for (let round = 1; round <= options.rounds; round++) {
        for (const broker of brokers) {
          const values = await row.measure(broker, { ...options.run, seconds: options.seconds, warmSeconds: 0.5 });
          keep(samples.get(row), broker.name, values);
          console.log(`${row.name}: ${broker.name} ${wordsOf(values)}`);
        }
        // A broker whose disk is full ends: when another such stretch would not fit, what was written goes before the row's end.
        const free = freeBytes(tmpdir());
        if (round < options.rounds && free < freeBefore - free) {
          for (const broker of brokers) await broker.removeAll();
          pageCache?.fill();
          freeBefore = freeBytes(tmpdir());
        }
      }
      for (const broker of brokers) await broker.removeAll();
    }
  } finally {
    for (const broker of brokers) await broker.stop();
    pageCache?.remove();
  }
  const names = brokers.map((broker) => broker.name);
  const table = chosen.map((row) => ({
    name: row.name,
    measures: measuresOf(name, row.name, samples.get(row), names),
  }));
  publish({
    name,
    names,
    durability,
    table,
    partly: options.only !== undefined || !names.includes('kafka'),
    conditions: {
      rounds: options.rounds,
      secondsEach: options.seconds,
      loadAverageBefore: loadBefore,
      ...(pageCache && { pageCacheFilledMib: pageCache.sizeMib }),
    },
  });
}

/** Prints the table and keeps it; a part of a bench replaces nothing. */
export function publish({ name, names, durability, table, partly = false, conditions = {} }) {
  print(name, names, table);
  if (partly) return;
  writeResult(name, {
    what: name,
    command: `npm run bench -- ${[name, ...process.argv.slice(2)].join(' ')}`,
    durability,
    ...conditions,
    rows: table,
  });
}

/** Medians, ratio and target of every measure of one row. */
export function measuresOf(bench, row, byBroker, names) {
  const keys = Object.keys(byBroker[names[0]] ?? {});
  return keys.map((key) => {
    const medians = Object.fromEntries(
      names.filter((one) => byBroker[one]?.[key]).map((one) => [one, median(byBroker[one][key])]),
    );
    const compared = MEASURES[key].better !== 'none' && medians.kafka !== undefined && medians.ottla !== undefined;
    return {
      key,
      ...MEASURES[key],
      medians,
      ...(compared && { ratio: medians.ottla / medians.kafka }),
      ...targetOf(bench, row, key, medians, compared),
      samples: Object.fromEntries(names.map((one) => [one, byBroker[one]?.[key] ?? []])),
    };
  });
}

export function keep(byBroker, broker, values) {
  byBroker[broker] ??= {};
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || Number.isNaN(value)) continue;
    byBroker[broker][key] ??= [];
    byBroker[broker][key].push(value);
  }
}

function targetOf(bench, row, key, medians, compared) {
  const found = targets[bench]?.find((one) => row.includes(one.row) && one.measure === key);
  if (found === undefined) return {};
  const value = found.absolute ? medians.ottla : compared ? medians.ottla / medians.kafka : undefined;
  if (value === undefined) return {};
  const { atMost, atLeast } = found;
  const met = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
  return { target: { ...(atMost !== undefined && { atMost }), ...(atLeast !== undefined && { atLeast }) }, met };
}

function startersOf(options, durability, settings) {
  if (options.against !== undefined) return [async () => runningBroker(options.against, options.pid)];
  const ottla = () => startOttlaFor(durability, settings?.ottla);
  const kafka = () => startKafkaFor(durability, settings?.kafka);
  return options.ottlaOnly ? [ottla] : [ottla, kafka];
}

function readOptions(name, help, seconds) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: String(seconds) },
      warm: { type: 'string' },
      only: { type: 'string' },
      pin: { type: 'string' },
      'ottla-only': { type: 'boolean', default: false },
      against: { type: 'string' },
      pid: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(`usage: npm run bench -- ${name} [--rounds N] [--seconds S] [--warm S] [--only TEXT] [--pin CORES] [--ottla-only]
       npm run bench -- ${name} --against HOST:PORT [--pid PID] [...]

${help}

Ottla and Kafka 4.3 in turns: medians of --rounds (3), --seconds (${seconds}) each, after --warm seconds of the same that do not count
(without it as long as a round, longer in rows that use little of a core). --only
takes the rows that contain a text; --pin keeps the generator on these cores; --against measures a broker that runs already.
Needs Linux (/proc), Go for the generator, and Java 17 and Maven for Kafka. Writes bench/results/${name}.json when nothing was
left out, and ends with status 1 when a target of bench/targets.json is missed.`);
    process.exit(0);
  }
  return {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    warm: values.warm === undefined ? undefined : Number(values.warm),
    only: values.only,
    ottlaOnly: values['ottla-only'],
    against: values.against,
    pid: values.pid === undefined ? 0 : Number(values.pid),
    run: { cores: values.pin },
  };
}

function print(name, names, table) {
  const compared = names.includes('kafka');
  console.log(`\n| ${name} | | ${names.join(' | ')} |${compared ? ' ratio | target |' : ''}`);
  console.log(`|---|---|${names.map(() => '---:|').join('')}${compared ? '---:|---|' : ''}`);
  for (const row of table) {
    for (const measure of row.measures) {
      const cells = names.map((one) => `${format(measure.medians[one])} ${measure.unit}`);
      const judged = compared
        ? ` ${measure.ratio === undefined ? '' : measure.ratio.toFixed(3)} | ${targetWords(measure)} |`
        : '';
      console.log(`| ${row.name} | ${measure.name} | ${cells.join(' | ')} |${judged}`);
      if (measure.met === false) process.exitCode = 1;
    }
  }
}

export function targetWords({ target, met }) {
  if (target === undefined) return '';
  const asked = target.atMost !== undefined ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
  return `${asked}: ${met ? 'met' : 'missed'}`;
}

export function format(value) {
  if (value === undefined) return '–';
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function wordsOf(values) {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${MEASURES[key].name} ${format(value)} ${MEASURES[key].unit}`)
    .join(', ');
}
