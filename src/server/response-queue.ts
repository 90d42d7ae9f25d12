// The answers of one connection, sent in the order of their requests (clients match them by that order). An answer that
// is ready early waits here for those before it. Owned by one ClientConnection, which takes what is ready once per turn
// of the event loop and writes it as one gathered write.

/** One request's place in the order. */
export interface Slot {
  /** Bytes of the request's frame, kept alive until it is answered. */
  readonly requestBytes: number;
  /** Undefined until answered; empty when the request gets no response. */
  parts: readonly Uint8Array[] | undefined;
  sizeBytes: number;
  /** To be called when nobody looks at the parts any more. */
  onSent: (() => void) | undefined;
}

interface Taken {
  readonly responseBytes: number;
  readonly requestBytes: number;
  readonly requests: number;
  readonly onSent: readonly (() => void)[] | undefined;
}

export class ResponseQueue {
  /** From #head on: requests not yet sent, in order. */
  #slots: Slot[] = [];
  #head = 0;
  #waitingBytes = 0;

  /** Requests whose response was not taken yet. */
  get length(): number {
    return this.#slots.length - this.#head;
  }

  /** Bytes of answers that wait for an earlier one. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  reserve(requestBytes: number): Slot {
    const slot: Slot = { requestBytes, parts: undefined, sizeBytes: 0, onSent: undefined };
    this.#slots.push(slot);
    return slot;
  }

  /** Returns false when the slot was answered before, which is a bug of the caller. */
  answer(slot: Slot, parts: readonly Uint8Array[], onSent?: () => void): boolean {
    if (slot.parts !== undefined) {
      return false;
    }
    slot.parts = parts;
    slot.onSent = onSent;
    for (const part of parts) {
      slot.sizeBytes += part.byteLength;
    }
    this.#waitingBytes += slot.sizeBytes;
    return true;
  }

  get hasReady(): boolean {
    return this.#slots[this.#head]?.parts !== undefined;
  }

  /**
   * Moves the buffers of all answers whose turn has come to `into`; returns how many bytes and how many requests they are,
   * and whom to tell when they are sent.
   */
  takeReady(into: Uint8Array[]): Taken {
    let onSent: (() => void)[] | undefined;
    let responseBytes = 0;
    let requestBytes = 0;
    let requests = 0;
    for (let slot = this.#slots[this.#head]; slot?.parts !== undefined; slot = this.#slots[this.#head]) {
      into.push(...slot.parts);
      if (slot.onSent !== undefined) (onSent ??= []).push(slot.onSent);
      responseBytes += slot.sizeBytes;
      requestBytes += slot.requestBytes;
      requests += 1;
      this.#head += 1;
    }
    this.#waitingBytes -= responseBytes;
    this.#forgetTaken();
    return { responseBytes, requestBytes, requests, onSent };
  }

  /** Nothing will be sent any more: whoever waits for that is told. */
  drop(): void {
    for (let i = this.#head; i < this.#slots.length; i++) (this.#slots[i] as Slot).onSent?.();
    this.#slots = [];
    this.#head = 0;
    this.#waitingBytes = 0;
  }

  #forgetTaken(): void {
    if (this.#head === this.#slots.length) {
      this.#slots = [];
      this.#head = 0;
    } else if (this.#head >= 256) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
