// The end of a producer's transaction in one partition, as the transaction coordinator orders it.
import type { ControlType } from '../records/control-batch.ts';

export interface EndMarker {
  readonly type: typeof ControlType.COMMIT | typeof ControlType.ABORT;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  /** 0..2: with 2 the epoch must have risen (KIP-890). */
  readonly transactionVersion: number;
}
