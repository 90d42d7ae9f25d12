// Compares Kafka 4.3 and Ottla where somebody is kept out: how logins go (logins.mjs), how long quotas make clients wait (compare-quotas.mjs), and what each API answers to users with every kind of
// right (rights.mjs). A tool for finding what is wrong, no test: it always ends with status 0.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUpKafka } from '../../../bench/rivals/kafka/kafka.mjs';
import { compareLogins } from './compare-logins.mjs';
import { compareQuotas } from './compare-quotas.mjs';
import { compareRights, userCount } from './compare-rights.mjs';
import { startSecured } from './secured-brokers.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { messages: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
if (options.help) {
  console.log(`usage: test/conformance/differential/run-secured [logins] [quotas] [API ...] [--messages]

Starts both brokers with users and access control, leads the same logins with both, uses more of both than quotas allow, sends the same requests to both (of all APIs, or of
those named: Fetch …), and prints where the answers differ; --messages compares error messages, too.`);
  process.exit(0);
}

setUpKafka();
const directory = mkdtempSync(join(tmpdir(), 'ottla-secured-'));
let brokers = [];
try {
  brokers = await startSecured(directory, userCount);
  if (positionals.length === 0 || positionals.includes('logins')) await compareLogins(brokers);
  if (positionals.length === 0 || positionals.includes('quotas')) await compareQuotas(brokers);
  if (positionals.some((name) => name !== 'logins' && name !== 'quotas') || positionals.length === 0)
    await compareRights(brokers, positionals, options.messages);
} finally {
  for (const broker of brokers) await broker.stop();
  rmSync(directory, { recursive: true, force: true });
}
