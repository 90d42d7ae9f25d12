// What a group machine asks of the shell that runs it. A step changes the machine at once and returns these; the shell
// performs them in order. Nothing here is undone: when an append fails, every machine is rebuilt from the log.
import type { GroupMachine } from './machine.ts';

/** As stored in `__consumer_offsets`; a null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** Opaque to machines: they keep it and hand it back. */
export type Reply<Response> = (response: Response) => void;

export type Effect =
  /** All appends of one step are one atomic batch. */
  | { readonly type: 'append'; readonly records: readonly CoordinatorRecord[] }
  /** Sent when the records of this step, and of all steps before, are committed. */
  // biome-ignore lint/suspicious/noExplicitAny: a reply takes the response of whatever API asked.
  | { readonly type: 'reply'; readonly to: Reply<any>; readonly response: unknown }
  /** (Re)arms; fires as an event `timer(key, nowMs)` of the group's machine. */
  | { readonly type: 'timer'; readonly key: string; readonly afterMs: number }
  | { readonly type: 'cancel'; readonly key: string }
  /** From now on the group is this machine (migration between protocols); timers of the machine before are cancelled. */
  | { readonly type: 'become'; readonly machine: GroupMachine };
