// The reference pages say what the sources say.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { authorizationPage, settingsPage } from './generate-reference.ts';

for (const [name, page] of [
  ['settings.md', settingsPage],
  ['authorization.md', authorizationPage],
] as const) {
  test(`docs/reference/${name} is what scripts/generate-reference.ts writes`, () => {
    let root = path.dirname(fileURLToPath(import.meta.url));
    while (!existsSync(path.join(root, 'package-lock.json'))) root = path.dirname(root);
    const text = readFileSync(path.join(root, 'docs', 'reference', name), 'utf8');
    assert.ok(text === page(), 'run `node dist/scripts/generate-reference.js` and commit the page');
  });
}
