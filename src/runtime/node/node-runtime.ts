// The production runtime: Node's clock, timers, randomness, file system, sockets and standard error.
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, LogFields, LogLines, Random, Runtime, Timer, Timers } from '../runtime.ts';
import { nodeFiles } from './node-files.ts';
import { nodeNetwork } from './node-network.ts';
import { nodeThreads } from './node-threads.ts';
import { nodeWeb } from './node-web.ts';

export interface NodeRuntimeOptions {
  /** Where log lines go; standard error when not given. */
  readonly writeLogLine?: (line: string) => void;
}

export function nodeRuntime(options: NodeRuntimeOptions = {}): Runtime {
  return {
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    files: nodeFiles(),
    network: nodeNetwork(),
    web: nodeWeb,
    threads: nodeThreads(),
    log: logLinesTo(options.writeLogLine ?? ((line) => void process.stderr.write(line)), nodeClock),
  };
}

const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** setTimeout fires at once for delays beyond this; longer ones are waited for in pieces. */
const timeoutMsMax = 0x7fffffff;

const nodeTimers: Timers = {
  set(delayMs: number, callback: () => void): Timer {
    let handle: NodeJS.Timeout;
    const wait = (remainingMs: number): void => {
      handle =
        remainingMs <= timeoutMsMax
          ? setTimeout(callback, Math.max(0, remainingMs))
          : setTimeout(() => wait(remainingMs - timeoutMsMax), timeoutMsMax);
      handle.unref();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  defer(callback: () => void): void {
    setImmediate(callback);
  },
};

const nodeRandom: Random = {
  bytes: (count: number) => randomBytes(count),
  below: (limit: number) => (limit <= 1 ? 0 : randomInt(limit)),
};

export function logLinesTo(write: (line: string) => void, clock: Clock): LogLines {
  const line = (level: string, message: string, fields?: LogFields): void => {
    try {
      write(`${new Date(clock.nowMs()).toISOString()} ${level} ${message}${fieldsText(fields)}\n`);
    } catch {
      // A log line that cannot be written must not stop the broker.
    }
  };
  return {
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fields) => line('error', message, fields),
  };
}

function fieldsText(fields: LogFields | undefined): string {
  if (fields === undefined) return '';
  let text = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const plain = String(value);
    text += ` ${name}=${/^[^\s"=]+$/.test(plain) ? plain : JSON.stringify(plain)}`;
  }
  return text;
}
