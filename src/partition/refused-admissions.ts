// First batches of transactions that the coordinator did not admit: until one of a producer is taken, no later one of it may
// be, or the refused one could never follow. Owned by a Partition; in memory only, a producer that is forgotten here is held
// to its sequences as any other.
// Source of the rules: Kafka's VerificationStateEntry.

const PRODUCERS_MAX = 1_000;

interface Refused {
  epoch: number;
  lowestSequence: number;
  readonly isTransactionsV2: boolean;
}

export class RefusedAdmissions {
  #refused: Map<number, Refused> | undefined;

  refused(producerId: number, epoch: number, sequence: number, isTransactionsV2: boolean): void {
    const known = this.#refused?.get(producerId);
    if (known !== undefined) lower(known, epoch, sequence);
    else this.#remember(producerId, { epoch, lowestSequence: sequence, isTransactionsV2 });
  }

  #remember(producerId: number, refused: Refused): void {
    this.#refused ??= new Map();
    if (this.#refused.size >= PRODUCERS_MAX) {
      for (const oldest of this.#refused.keys()) {
        this.#refused.delete(oldest);
        break;
      }
    }
    this.#refused.set(producerId, refused);
  }

  /** A batch that was admitted now: whether a lower one was refused before. */
  precede(producerId: number, epoch: number, sequence: number): boolean {
    const known = this.#refused?.get(producerId);
    if (known === undefined) return false;
    lower(known, epoch, sequence);
    return sequence > known.lowestSequence;
  }

  appended(producerId: number): void {
    if (this.#refused?.delete(producerId) && this.#refused.size === 0) this.#refused = undefined;
  }

  /** A marker of transactions version 2 in the epoch of the refused batch ended the transaction before it. */
  markerAppended(producerId: number, epoch: number): void {
    const known = this.#refused?.get(producerId);
    if (known?.isTransactionsV2 && known.epoch === epoch) return;
    this.appended(producerId);
  }
}

function lower(known: Refused, epoch: number, sequence: number): void {
  if (epoch < known.epoch || (epoch === known.epoch && sequence >= known.lowestSequence)) return;
  known.epoch = epoch;
  known.lowestSequence = sequence;
}
