import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { MemoryFiles } from '../runtime/memory/memory-files.ts';
import { nodeFiles } from '../runtime/node/node-files.ts';
import { storageSuite } from './storage.suite.ts';

storageSuite('on node files', async () => {
  const directory = await mkdtemp(`${tmpdir()}/ottla-storage-`);
  return { files: nodeFiles(), directory, remove: () => rm(directory, { recursive: true, force: true }) };
});

storageSuite('on memory files', async () => ({
  files: new MemoryFiles({ nowMs: Date.now }),
  directory: '/data',
  remove: async () => {},
}));
