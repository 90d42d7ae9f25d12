// The structure check must see what it is there for: each rule is broken once on purpose.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { tidy } from './tidy.ts';

function problemsOf(files: Record<string, string>): string[] {
  const root = mkdtempSync(path.join(tmpdir(), 'ottla-tidy-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      const full = path.join(root, 'src', name);
      mkdirSync(path.dirname(full), { recursive: true });
      writeFileSync(full, text);
    }
    return tidy(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('a well-kept file has no problems', () => {
  assert.deepEqual(problemsOf({ 'storage/tail.ts': "// The tail.\nimport { x } from '../records/x.ts';\nx();\n" }), []);
});

test('an import of a higher room is found', () => {
  const [problem] = problemsOf({ 'storage/tail.ts': "// The tail.\nimport { x } from '../apis/x.ts';\nx();\n" });
  assert.match(problem ?? '', /must not import apis\/x\.ts/);
});

test('an import of a sibling room of equal rank is found', () => {
  assert.equal(problemsOf({ 'group/a.ts': "// A.\nimport { x } from '../transaction/x.ts';\nx();\n" }).length, 1);
});

test('clock, random, timers, files and sockets outside runtime are found', () => {
  for (const line of [
    'Date.now();',
    'new Date();',
    'Math.random();',
    'setTimeout(f, 1);',
    "import fs from 'node:fs';",
    "import { Socket } from 'node:net';",
    'process.stdout.write(x);',
  ]) {
    assert.equal(problemsOf({ 'partition/a.ts': `// A.\n${line}\n` }).length, 1, line);
    assert.deepEqual(problemsOf({ 'runtime/a.ts': `// A.\n${line}\n` }), [], line);
  }
});

test('words in comments are no violation', () => {
  assert.deepEqual(problemsOf({ 'partition/a.ts': '// A.\n// Date.now() is not used here.\n' }), []);
});

test('empty names and unknown rooms are found', () => {
  assert.equal(problemsOf({ 'storage/log-manager.ts': '// A.\n' }).length, 1);
  assert.equal(problemsOf({ 'cellar/a.ts': '// A.\n' }).length, 1);
  assert.equal(problemsOf({ 'storage/LogFile.ts': '// A.\n' }).length, 1);
});

test('a file without an opening sentence is found', () => {
  assert.equal(problemsOf({ 'storage/a.ts': 'export const a = 1;\n' }).length, 1);
});
