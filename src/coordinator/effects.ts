// What a coordinator's machine asks of the shell that runs it. A step changes the machine at once and returns these; the
// shell performs them in order. Nothing here is undone: when an append fails, every machine is rebuilt from the log.

/** As stored in a coordinator's topic; a null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** Who writes a transactional batch, as it stands in its header. */
export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Opaque to machines: they keep it and hand it back. */
export type Reply<Response> = (response: Response) => void;

export type ShellEffect =
  /**
   * All appends of one step are one atomic batch, which is part of that producer's transaction when one is named (the same
   * in all of them).
   */
  | { readonly type: 'append'; readonly records: readonly CoordinatorRecord[]; readonly producer?: BatchProducer }
  /** Sent when the records of this step, and of all steps before, are committed. */
  // biome-ignore lint/suspicious/noExplicitAny: a reply takes the response of whatever API asked.
  | { readonly type: 'reply'; readonly to: Reply<any>; readonly response: unknown }
  /** (Re)arms; fires as an event `timer(key, nowMs)` of the machine. */
  | { readonly type: 'timer'; readonly key: string; readonly afterMs: number }
  | { readonly type: 'cancel'; readonly key: string };
