// A bucket with conditional writes, the one primitive that metadata and (past one machine) the write-ahead log build on.
// Keys are '/'-separated names; bodies are whole. All implementations pass object-store.suite.ts.

export interface ObjectStore {
  /** The body, or undefined when there is no such object. */
  get(key: string): Promise<Buffer | undefined>;
  /** Creates the object durably; false when the key exists already (then nothing was changed). */
  createIfAbsent(key: string, body: Uint8Array): Promise<boolean>;
  /** Keys with this prefix that sort after `after`, in order, at most `limit`. */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<string[]>;
  /** No error when absent. */
  delete(key: string): Promise<void>;
}
