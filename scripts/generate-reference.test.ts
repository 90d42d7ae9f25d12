// The reference pages say what the sources say.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { settingsPage } from './generate-reference.ts';

test('docs/reference/settings.md is what scripts/generate-reference.ts writes', () => {
  let root = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(root, 'package-lock.json'))) root = path.dirname(root);
  const page = readFileSync(path.join(root, 'docs', 'reference', 'settings.md'), 'utf8');
  assert.ok(page === settingsPage(), 'run `node dist/scripts/generate-reference.js` and commit the page');
});
