// `ottla version`: the version of the package, read from its package.json.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from './commander.ts';
import type { CommandWorld } from './world.ts';

export function versionCommand(world: CommandWorld): Command {
  return new Command('version')
    .description('print the version')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const version = await packageVersion(world);
      if (options.json) world.output.json({ ottla: version, node: process.versions.node });
      else world.output.line(`ottla ${version}`);
    });
}

/** The compiled file lies some folders below the package; the nearest package.json named `ottla` is the one. */
export async function packageVersion(world: CommandWorld): Promise<string> {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < 8; depth++) {
    const file = join(directory, 'package.json');
    if ((await world.runtime.files.stat(file)) !== undefined) {
      const manifest = JSON.parse((await world.runtime.files.readFile(file)).toString('utf8')) as Record<
        string,
        unknown
      >;
      if (manifest.name === 'ottla' && typeof manifest.version === 'string') return manifest.version;
    }
    directory = dirname(directory);
  }
  return 'unknown';
}
