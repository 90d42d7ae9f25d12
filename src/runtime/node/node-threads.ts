// Threads as Node's workers. A thread never keeps the process alive, and has the lowest priority where a thread can have its own.
import { setPriority } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { Thread, Threads } from '../threads.ts';

const LOW_PRIORITY = 10;

export function nodeThreads(): Threads {
  return {
    start: (module, data) =>
      new NodeThread(
        // Options of this process, such as how its own program was given, are not the thread's.
        new Worker(module, { workerData: data, execArgv: [] }),
      ),
  };
}

class NodeThread implements Thread {
  #worker: Worker;
  #asked: { resolve: (answer: unknown) => void; reject: (error: unknown) => void } | undefined;
  #ended: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.unref();
    worker.on('message', (answer) => {
      const asked = this.#asked;
      this.#asked = undefined;
      asked?.resolve(answer);
    });
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(new Error('the thread has ended')));
  }

  ask(message: unknown): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      this.#worker.postMessage(message);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#asked?.reject(error);
    this.#asked = undefined;
  }
}

/** The thread's part: answers each message with what `answer` resolves to. */
export function runThread(answer: (data: unknown, message: unknown) => Promise<unknown>): void {
  // Elsewhere it would be the whole process whose priority changes.
  if (process.platform === 'linux') {
    try {
      setPriority(LOW_PRIORITY);
    } catch {
      // Then it is as important as the rest.
    }
  }
  parentPort?.on('message', (message) => {
    void answer(workerData, message).then((result) => parentPort?.postMessage(result));
  });
}
