// `ottla fork`: another data directory with the same content, for one prepared state and many tests.
import { resolve } from 'node:path';
import { ForkRefused, forkDirectory } from '../storage/disk/fork-directory.ts';
import { StorageError } from '../storage/storage-error.ts';
import { CommandFailure } from './command-failure.ts';
import { Command } from './commander.ts';
import type { CommandWorld } from './world.ts';

export function forkCommand(world: CommandWorld): Command {
  return new Command('fork')
    .description('make another data directory with the same content; old segments are shared')
    .argument('<from>', 'data directory of a broker that was stopped')
    .argument('<to>', 'the new directory, on the same file system')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The two directories know nothing of each other from then on: what both have in common is never written to again.

Example:
  ottla fork ./prepared ./for-this-test && ottla serve --data ./for-this-test`,
    )
    .action(async (from: string, to: string, options: { json?: boolean }) => {
      const { linkedFiles, copiedFiles, copiedBytes } = await forked(
        world,
        resolve(world.workingDirectory, from),
        resolve(world.workingDirectory, to),
      );
      if (options.json) return world.output.json({ data: to, linkedFiles, copiedFiles, copiedBytes });
      world.output.line(`${to} has the content of ${from} (${linkedFiles} files shared, ${copiedFiles} copied)`);
    });
}

async function forked(world: CommandWorld, from: string, to: string) {
  try {
    return await forkDirectory(world.runtime.files, from, to);
  } catch (error) {
    if (error instanceof ForkRefused || error instanceof StorageError)
      throw new CommandFailure(error.message, 1, error);
    const { code } = error as { code?: string };
    if (code === 'ENOENT') throw new CommandFailure(`${from} does not exist; name a data directory.`, 1, error);
    if (code === 'EXDEV') {
      throw new CommandFailure(`${to} is on another file system than ${from}; files cannot be shared.`, 1, error);
    }
    throw error;
  }
}
