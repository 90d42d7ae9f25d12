// Where the repository is: tests run from dist/ or another build folder, their data stays in the clone.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package.json that is named "ottla", above this file. */
export const REPOSITORY: string = findRepository(dirname(fileURLToPath(import.meta.url)));

/** The path of a file or folder of the repository. */
export function repositoryPath(...parts: string[]): string {
  return join(REPOSITORY, ...parts);
}

function findRepository(folder: string): string {
  const file = join(folder, 'package.json');
  if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'ottla') return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('no package.json named "ottla" above the tests');
  return findRepository(parent);
}
