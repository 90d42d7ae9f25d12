// Runs the `ottla` command as a child process, always bounded in time, and hands back what it wrote.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** No command of the tests needs this long, even on a slow and busy machine. */
const RUN_MS_MAX = 120_000;

/** The compiled command next to the compiled tests, wherever they were compiled to. */
const mainUrl = new URL('../../src/cli/main.js', import.meta.url).href;
const START = `import { main } from ${JSON.stringify(mainUrl)}; await main(process.argv.slice(2));`;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts `ottla` with these arguments. Its standard input is open until `end()` is called on it. */
export function startOttla(args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', START, '--', 'ottla', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, OTTLA_BOOTSTRAP: '', NODE_OPTIONS: '', ...options.env },
    cwd: options.cwd,
  });
}

/** Runs one command to its end. */
export function runOttla(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = startOttla(args, options);
  child.stdin?.on('error', () => {}); // it may end before it has read everything
  child.stdin?.end(options.input ?? Buffer.alloc(0));
  return finished(child);
}

/** What the process wrote until it ended; kills it when it does not end. */
export function finished(child: ChildProcess): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    const deadline = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

export interface ServeProcess {
  readonly child: ChildProcess;
  readonly bootstrapServers: string;
  readonly port: number;
  readonly readyLine: string;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

/** Starts `ottla serve` on a free port and waits for its ready line. Memory that it uses too late shows. */
export async function serveOttla(args: readonly string[], options: RunOptions = {}): Promise<ServeProcess> {
  const child = startOttla(['serve', '--port', '0', '--set', 'ottla.released.memory.poison=true', ...args], options);
  child.stdin?.end();
  const end = finished(child);
  const readyLine = await readyLineOf(child, end);
  const address = /^ottla ready on (\S+):(\d+) /.exec(readyLine);
  if (address === null) throw new Error(`unexpected ready line: ${readyLine}`);
  return {
    child,
    bootstrapServers: `${address[1]}:${address[2]}`,
    port: Number(address[2]),
    readyLine,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return end;
    },
  };
}

function readyLineOf(child: ChildProcess, end: Promise<Finished>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    end.then(
      (result) => reject(new Error(`ottla serve ended with ${result.code ?? result.signal}: ${result.stderr}`)),
      reject,
    );
  });
}

/** A directory that is removed by `remove`. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'ottla-test-'));
  return { path: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** The root of the repository, from wherever this file was compiled to. */
export function repositoryRoot(): string {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(directory, 'package-lock.json'))) directory = path.dirname(directory);
  return directory;
}
