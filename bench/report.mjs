// Renders docs/benchmarks.md and its plots from bench/results/*.json and bench/benchmarks.md, the words around the tables. A line
// `<!-- table: NAME -->` there is replaced by the table and the plot of one bench.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../test/conformance/broker.mjs';
import { format, targetWords } from './compare.mjs';
import { ratioPlot } from './ratio-plot.mjs';

if (process.argv.includes('--help')) {
  console.log(
    'usage: npm run bench -- report\n\nRenders docs/benchmarks.md and docs/benchmarks/*.svg from bench/results/*.json.',
  );
  process.exit(0);
}

const results = join(root, 'bench', 'results');
const plots = join(root, 'docs', 'benchmarks');

rmSync(plots, { recursive: true, force: true });
mkdirSync(plots, { recursive: true });
const words = readFileSync(join(root, 'bench', 'benchmarks.md'), 'utf8');
const used = new Set();
const page = words.replace(/^<!-- table: (\S+) -->$/gm, (_, name) => {
  used.add(name);
  return tableOf(name);
});
writeFileSync(join(root, 'docs', 'benchmarks.md'), page);
for (const file of readdirSync(results)) {
  // The page of testing.json is written by its bench.
  if (file !== 'testing.json' && !used.has(file.replace('.json', '')))
    console.error(`bench/benchmarks.md has no place for ${file}`);
}

function tableOf(name) {
  const file = join(results, `${name}.json`);
  if (!existsSync(file)) return `Not measured yet: \`npm run bench -- ${name}\`.`;
  const result = JSON.parse(readFileSync(file, 'utf8'));
  const rows = result.rows ?? rowsOfGroups(result);
  const names = [...new Set(rows.flatMap(({ measures }) => measures.flatMap(({ medians }) => Object.keys(medians))))];
  const compared = names.includes('kafka');
  const grows = rows.some(({ measures }) => measures.some(({ growth }) => growth !== undefined));
  const lines = [
    conditionsOf(result),
    '',
    `| work | measure | ${names.join(' | ')} |${compared ? ' Ottla / Kafka |' : ''}${grows ? ' most / first |' : ''} target |`,
    `|---|---|${names.map(() => '---:|').join('')}${compared ? '---:|' : ''}${grows ? '---:|' : ''}---|`,
  ];
  for (const row of rows) {
    for (const measure of row.measures) lines.push(lineOf(row, measure, names, compared, grows));
  }
  const plot = ratioPlot(name, rows);
  if (plot !== undefined) {
    writeFileSync(join(plots, `${name}.svg`), plot);
    lines.push('', `![${name}: Ottla as a ratio to Kafka](benchmarks/${name}.svg)`);
  }
  return lines.join('\n');
}

function lineOf(row, measure, names, compared, grows) {
  const cells = names.map((one) =>
    measure.medians[one] === undefined ? '' : `${format(measure.medians[one])} ${measure.unit}`,
  );
  const ratio = compared ? ` ${measure.ratio === undefined ? '' : measure.ratio.toFixed(2)} |` : '';
  const growth = grows ? ` ${measure.growth === undefined ? '' : measure.growth.toFixed(2)} |` : '';
  return `| ${row.name} | ${measure.name} | ${cells.join(' | ')} |${ratio}${growth} ${targetWords(measure)} |`;
}

function conditionsOf({ command, date, machine, rounds, secondsEach, loadAverageBefore, kafka }) {
  const parts = [
    command && `\`${command}\``,
    date,
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, Kafka ${kafka}`,
    rounds && `medians of ${rounds}${secondsEach ? ` × ${secondsEach} s` : ''}`,
    loadAverageBefore !== undefined && `load average before the run ${loadAverageBefore.toFixed(1)}`,
  ];
  return parts.filter(Boolean).join('; ').concat('.');
}

/** bench/groups.mjs keeps what it measured under names of its own, with two durabilities of Ottla. */
function rowsOfGroups({ results: measured }) {
  return measured.map(({ name, unit, better, medians, ratio }) => ({
    name,
    measures: [
      { key: 'value', name: `${better} is better`, unit, better, medians, ...(ratio !== undefined && { ratio }) },
    ],
  }));
}
