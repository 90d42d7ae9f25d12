// What a check of a data directory has to say.

export interface Finding {
  /** `lost`: records cannot be read any more. `rebuilt`: what is damaged can be made again from the log. `fatal`: the broker cannot start. */
  readonly kind: 'lost' | 'rebuilt' | 'fatal';
  readonly file: string;
  /** In the file; undefined when all of it is meant. */
  readonly position: number | undefined;
  /** Of a partition: `<topic>-<partition>`. */
  readonly partition: string | undefined;
  /** Lost: [from, to), when it is known. */
  readonly offsets: readonly [from: number, to: number] | undefined;
  readonly what: string;
  /** What is to be done, or what was done. */
  readonly remedy: string;
  readonly repaired: boolean;
}

export interface CheckReport {
  readonly findings: Finding[];
  partitions: number;
  segments: number;
  batches: number;
  bytes: number;
  blocks: number;
}
