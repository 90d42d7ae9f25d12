// Threads beside the event loop, for work that would keep it busy: one module, started with plain data, that answers with plain
// data. A runtime without threads leaves them out; then such work is done in slices on the event loop.

export interface Threads {
  /** Starts the module, whose part is `runThread` of the same runtime. `data` is copied. */
  start(module: URL, data: unknown): Thread;
}

export interface Thread {
  /** Sends a message and resolves with the next one that comes back; rejects when the thread ended instead. One at a time. */
  ask(message: unknown): Promise<unknown>;
  /** Resolves when it has ended, wherever it was. */
  stop(): Promise<void>;
}
