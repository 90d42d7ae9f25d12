// Data directories that earlier Ottlas wrote (keep.mjs): each is opened, read, written to and opened again. They stay for ever.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryRoot, runOttla, serveOttla, temporaryDirectory } from '../integration/ottla-process.ts';

const here = path.join(repositoryRoot(), 'test', 'data-directories');

function unpack(name: string, directory: string): void {
  const files: Record<string, string> = JSON.parse(gunzipSync(readFileSync(path.join(here, name))).toString());
  for (const [file, base64] of Object.entries(files)) {
    const full = path.join(directory, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, Buffer.from(base64, 'base64'));
  }
}

/** Else a group that nobody uses for a week is forgotten. */
const KEEP_OFFSETS = ['--set', 'offsets.retention.minutes=2147483647'];
/** The first one has neither groups nor transactions. */
const ONLY_RECORDS = 'checkpoint-1.json.gz';

async function outputOf(bootstrapServers: string, ...args: string[]): Promise<string> {
  const { stdout, code, stderr } = await runOttla([...args, '--bootstrap-server', bootstrapServers]);
  assert.equal(code, 0, stderr);
  return stdout.toString().trim();
}

async function values(bootstrapServers: string, topic: string, ...options: string[]): Promise<string[]> {
  return (await outputOf(bootstrapServers, 'consume', topic, ...options)).split('\n').sort();
}

/** Of 150 committed records and 50 aborted ones, a config, and a group that has read 250 of the first 300. */
async function checkGroupsAndTransactions(bootstrapServers: string): Promise<void> {
  assert.deepEqual(await values(bootstrapServers, 'ledger', '--read-committed'), expected(150));
  assert.equal((await values(bootstrapServers, 'ledger')).length, 200);
  const configs: { name: string; value: string }[] = JSON.parse(
    await outputOf(bootstrapServers, 'config', 'describe', 'topic', 'ledger', '--json'),
  );
  assert.equal(configs.find(({ name }) => name === 'retention.ms')?.value, '31536000000000');
  const [group]: { partitions: { committed: number }[] }[] = JSON.parse(
    await outputOf(bootstrapServers, 'group', 'describe', 'readers', '--json'),
  );
  assert.equal(
    group?.partitions.reduce((sum, { committed }) => sum + committed, 0),
    250,
  );
}

const expected = (count: number): string[] => Array.from({ length: count }, (_, i) => `value ${i}`).sort();

for (const name of readdirSync(here).filter((file) => file.endsWith('.json.gz'))) {
  test(`the data directory ${name} opens, somewhere else and after a crash, with all that was acknowledged`, async () => {
    const directory = temporaryDirectory();
    unpack(name, directory.path);
    try {
      for (const count of [300, 301]) {
        const broker = await serveOttla(['--data', directory.path, ...KEEP_OFFSETS]);
        const { bootstrapServers } = broker;
        for (const topic of ['plain', 'compacted']) {
          assert.deepEqual(await values(bootstrapServers, topic), expected(count), topic);
          const more = ['produce', topic, '--key-separator', '\t', '--bootstrap-server', bootstrapServers];
          const { code } = await runOttla(more, { input: Buffer.from(`key\tvalue ${count}\n`) });
          assert.equal(code, 0);
        }
        if (name !== ONLY_RECORDS) await checkGroupsAndTransactions(bootstrapServers);
        assert.equal((await broker.stop()).code, 0);
      }
    } finally {
      directory.remove();
    }
  });
}
