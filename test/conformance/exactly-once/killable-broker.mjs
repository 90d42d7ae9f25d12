// A broker that is killed with SIGKILL and started again over the same directory, on the same port. Owns the process and its directory.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilAccepted } from '../../../bench/probe.mjs';
import { prepareKafka, setUpKafka } from '../../../bench/rivals/kafka/kafka.mjs';
import { startOttla } from '../broker.mjs';

const READY_MS_MAX = 90_000;

/** Prepared, not started: `{ bootstrap, directory, dataDirectory (Ottla), killEveryMs: [least, most], start(), kill(), stop(), remove() }`. */
export async function prepareBroker(kind, settings) {
  return kind === 'kafka' ? kafka(settings) : ottla(settings);
}

async function ottla(settings) {
  const directory = mkdtempSync(join(tmpdir(), 'ottla-exactly-once-'));
  const port = await freePort();
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  let running;
  return {
    bootstrap: `127.0.0.1:${port}`,
    directory,
    dataDirectory: join(directory, 'data'),
    killEveryMs: [2500, 6000],
    start: async () => {
      running = await startOttla(join(directory, 'data'), ['--port', String(port), ...set], READY_MS_MAX);
      const { exited, output } = running;
      exited.then((status) => {
        if (status !== 'SIGKILL' && status !== 0) console.log(`# the broker ended with ${status}: ${output.join('')}`);
      });
    },
    kill: async () => {
      process.kill(running.pid, 'SIGKILL');
      await running.exited;
      running = undefined;
    },
    stop: async () => (running === undefined ? 0 : running.stop()),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function kafka(settings) {
  setUpKafka();
  const prepared = await prepareKafka({ properties: settings, heap: '512m' });
  let child;
  let exited;
  const signal = async (name) => {
    child.kill(name);
    return exited;
  };
  return {
    bootstrap: `127.0.0.1:${prepared.port}`,
    directory: prepared.directory,
    // It needs longer to start.
    killEveryMs: [10_000, 16_000],
    start: async () => {
      child = spawn(prepared.command, prepared.args, { stdio: 'ignore' });
      exited = new Promise((resolve) => child.once('exit', (code, name) => resolve(code ?? name)));
      await untilAccepted('127.0.0.1', prepared.port, READY_MS_MAX, async (probe) => (await probe.brokers()) > 0, 100);
    },
    kill: () => signal('SIGKILL'),
    // Its orderly end takes seconds and is not what this is about.
    stop: async () => {
      await signal('SIGKILL');
      return 0;
    },
    remove: prepared.remove,
  };
}

function freePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
