// Ottla's own client, compiled: writes the input and asks where partitions end.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../broker.mjs';

export function compiled(path) {
  const file = join(root, 'dist', 'src', path);
  if (!existsSync(file)) throw new Error('dist/ is missing: npm run build');
  return import(file);
}
