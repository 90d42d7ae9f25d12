// What a transaction's machine asks of the shell that runs it: what every coordinator's machine does, and to end the
// transaction in its partitions.
import type { ShellEffect } from '../coordinator/effects.ts';
import type { EndMarker } from '../partition/end-marker.ts';
import type { TransactionPartitions } from './transaction-metadata.ts';

/** The shell writes what it can and calls `markersWritten` with the rest before it performs the next effect. */
export interface WriteMarkers {
  readonly type: 'write-markers';
  readonly marker: Omit<EndMarker, 'coordinatorEpoch'>;
  readonly partitions: TransactionPartitions;
}

export type Effect = ShellEffect | WriteMarkers;
