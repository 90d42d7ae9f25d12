// One place in an application: a process that is killed, or stopped while another takes its place, and started again whenever it ends.
// Two processes may hold the place at once: the stopped one, which wakes up as a zombie, and its successor.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const LINES_KEPT = 30;
const RESTART_AFTER_MS = 200;

export class Place {
  committed = 0;
  aborted = 0;
  /** The last words of its processes. */
  words = [];
  #command;
  #argumentsOf;
  #starts = 0;
  #process;
  #zombies = new Set();
  #ended = false;
  #waiting = [];

  /** argumentsOf(n): the arguments of the n-th process. A process says "# ready", "# committed", "# aborted". */
  constructor(command, argumentsOf) {
    this.#command = command;
    this.#argumentsOf = argumentsOf;
    this.#start();
  }

  /** SIGKILL; another starts. */
  kill() {
    this.#process?.kill('SIGKILL');
  }

  /**
   * The process stops where it is, another takes its place; when that is ready (or after some seconds) the first goes on. It is
   * killed if it has not ended by itself some seconds later.
   */
  async pause(ms) {
    const zombie = this.#process;
    if (zombie === undefined) return;
    zombie.kill('SIGSTOP');
    this.#zombies.add(zombie);
    this.#start();
    await Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), pause(ms)]);
    zombie.kill('SIGCONT');
    setTimeout(() => zombie.kill('SIGKILL'), ms);
  }

  async end() {
    this.#ended = true;
    const all = [this.#process, ...this.#zombies].filter(Boolean);
    await Promise.all(
      all.map(
        (one) =>
          new Promise((resolve) => {
            one.once('exit', resolve);
            one.kill('SIGKILL');
            if (one.exitCode !== null || one.signalCode !== null) resolve();
          }),
      ),
    );
  }

  #start() {
    const number = this.#starts++;
    const child = spawn(this.#command, this.#argumentsOf(number), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#heard(number, line));
    }
    child.on('error', (error) => this.#heard(number, String(error)));
    child.on('exit', (code, signal) => {
      this.#keep(`${number} ended with ${code ?? signal}`);
      this.#zombies.delete(child);
      if (this.#process !== child) return;
      this.#process = undefined;
      setTimeout(() => {
        if (!this.#ended && this.#process === undefined) this.#start();
      }, RESTART_AFTER_MS);
    });
  }

  #heard(number, line) {
    if (line === '# committed') this.committed++;
    else if (line === '# aborted') this.aborted++;
    else this.#keep(`${number}: ${line}`);
    if (line !== '# ready') return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #keep(line) {
    this.words.push(`${new Date().toISOString().slice(14, 23)} ${line}`);
    if (this.words.length > LINES_KEPT) this.words.shift();
    if (process.env.TRACE) console.log(`# ${this.words.at(-1)}`);
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
