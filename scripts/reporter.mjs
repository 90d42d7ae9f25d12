// A test reporter for node:test that prints what a reader needs: a line per file, every failure in full, one total.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const COUNTED = new Set(['test:pass', 'test:fail']);

// biome-ignore lint/style/noDefaultExport: node:test loads a reporter by its default export
export default async function* report(events) {
  let passed = 0;
  let failed = Number(process.env.OTTLA_CHECKS_FAILED ?? 0);
  let skipped = 0;
  const byFile = new Map();
  for await (const { type, data } of events) {
    if (type === 'test:stderr' && process.env.OTTLA_TEST_STDERR) yield data.message;
    if (!COUNTED.has(type)) continue;
    // Suites and files repeat what their tests say; count the tests only.
    const isContainer = data.details?.type === 'suite' || (data.nesting === 0 && data.file?.endsWith(data.name));
    if (isContainer && type === 'test:pass') continue;
    const file = path.relative(root, data.file ?? '').replace(/^dist\//, '');
    const line = byFile.get(file) ?? { passed: 0, failed: 0 };
    byFile.set(file, line);
    if (data.skip !== undefined || data.todo !== undefined) {
      skipped++;
    } else if (type === 'test:pass') {
      passed++;
      line.passed++;
    } else if (data.details?.error?.failureType !== 'subtestsFailed') {
      failed++;
      line.failed++;
      const error = data.details?.error;
      yield `\nFAILED ${file}: ${data.name}\n${error?.cause?.stack ?? error?.stack ?? error}\n\n`;
    }
  }
  for (const [file, line] of [...byFile].sort()) {
    yield `${line.failed > 0 ? 'not ok' : 'ok    '} ${file} (${line.passed}${line.failed > 0 ? `, ${line.failed} failed` : ''})\n`;
  }
  yield `\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
}
