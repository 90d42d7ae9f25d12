// An Ottla broker as a child process, started by its own command line, for the conformance runs and the benches.
// stop() sends SIGTERM and tells the exit code; the data directory belongs to the caller.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The command under test; OTTLA_COMMAND names another, an installed package's for example. */
export const ottla = process.env.OTTLA_COMMAND ?? join(root, 'bin', 'ottla');

/** Groups of a test do not wait for more members, and a crashed member is missed after seconds instead of most of a minute. */
export const testSettings = {
  'group.initial.rebalance.delay.ms': '0',
  'group.consumer.min.session.timeout.ms': '3000',
  'group.consumer.session.timeout.ms': '6000',
  'group.consumer.min.heartbeat.interval.ms': '200',
  'group.consumer.heartbeat.interval.ms': '500',
};

/** With `--config` the file says where it listens. Resolves when the ready line has come: `{ bootstrap, pid, readyLine, exited, stop() }`. */
export async function startOttla(data, args = [], deadlineMs = 30_000) {
  const where = args.includes('--config') ? [] : ['--port', '0'];
  const child = spawn(process.execPath, [ottla, 'serve', ...where, '--data', data, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output.push(text);
      if (output.length > 1000) output.shift();
    });
  }
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const stop = async () => {
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const status = await exited;
    clearTimeout(forced);
    return status;
  };
  const ready = await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), deadlineMs);
    child.stdout.on('data', () => {
      const match = /ottla ready on (\S+) .*/.exec(output.join(''));
      if (match) resolve(match);
      if (match) clearTimeout(timer);
    });
    exited.then(() => {
      clearTimeout(timer);
      resolve(null);
    });
  });
  if (ready === null) {
    await stop();
    throw new Error(`the broker did not get ready: ${output.join('').trim()}`);
  }
  return { bootstrap: ready[1], readyLine: ready[0], pid: child.pid, exited, output, stop };
}
