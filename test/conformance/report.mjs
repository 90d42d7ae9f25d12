// Prints one line per check, "ok …" or "not ok …", and goes on after a failure. Shared by the Node clients.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CHECKS_MS_MAX = 150_000;

export class Report {
  failed = 0;
  #only;
  #deadline = Date.now() + CHECKS_MS_MAX;

  constructor(only = '') {
    this.#only = only;
  }

  async check(name, body) {
    if (!name.includes(this.#only)) return;
    try {
      if (Date.now() > this.#deadline) throw new Error('not run, the checks before it took too long');
      await within(30_000, body());
      console.log(`ok ${name}`);
    } catch (error) {
      this.failed++;
      console.log(
        `not ok ${name}: ${explain(error)
          .replaceAll(/\s*\n\s*/g, ' | ')
          .slice(0, 800)}`,
      );
      if (process.env.TRACE) console.error(error);
    }
  }
}

/** Rejects when the promise has not settled in time. */
export async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function linesOf(path) {
  return readFileSync(path, 'latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => Buffer.from(line, 'latin1'));
}

/** Writes the values of what read(topic) returns to a file for each topic; a topic that fails does not stop the others. */
export async function readTopics(topics, directory, read) {
  const newline = Buffer.from('\n');
  let status = 0;
  for (const topic of topics) {
    try {
      const records = await within(60_000, read(topic));
      writeFileSync(join(directory, topic), Buffer.concat(records.flatMap((record) => [record.value, newline])));
    } catch (error) {
      console.error(`${topic}: ${explain(error)}`);
      status = 1;
    }
  }
  return status;
}

/** Topic names that no other run uses. */
export function topicNames(client) {
  const run = Date.now().toString(36);
  let count = 0;
  return () => `${client}-${run}-${count++}`;
}

function explain(error) {
  const causes = (error.errors ?? [error.cause]).filter(Boolean).map(explain);
  return [error.message ?? String(error), ...causes].join(' / ');
}
