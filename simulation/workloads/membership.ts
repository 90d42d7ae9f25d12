// A member of a group whose user asks for what it has, generation by generation, and says who it is when it commits; by either protocol
// (classic-member.ts, consumer-protocol-member.ts).

export interface Part {
  readonly topic: string;
  readonly partition: number;
}

export interface Membership {
  readonly group: string;
  readonly memberId: string;
  /** Or the member epoch. */
  readonly generation: number;
  /** Joins, or joins again. What it has until `giveUp`; undefined: not now. */
  take(): Promise<readonly Part[] | undefined>;
  /** Sends a heartbeat when it is time; false: it has to take anew what it has, or is no member any more. */
  isKept(): Promise<boolean>;
  /** Others may have it. */
  giveUp(): void;
  /** What a commit was answered with. */
  heard(errorCode: number): void;
  leave(): Promise<void>;
}
