// Deciding about SCRAM credentials: who has one, set, delete. Refusals are Kafka's codes and sentences
// (ScramControlManager). Keys are derived by the caller; nothing here sees a password.
import { ErrorCode } from '../protocol/error-code.ts';
import { scramKey } from './fold.ts';
import type { Image, Metadata, MetadataChange, StoredScramCredential } from './image.ts';
import { Refusal } from './refusal.ts';

type Mechanism = StoredScramCredential['mechanism'];

/** Credentials there can be; each is kept in memory. */
const CREDENTIALS_MAX = 100_000;

export interface ScramDeletion {
  readonly user: string;
  readonly mechanism: Mechanism;
}

export class ScramCredentials {
  readonly #metadata: Metadata;

  constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  get(user: string, mechanism: Mechanism): StoredScramCredential | undefined {
    return this.#metadata.image.scramCredentials.get(scramKey(user, mechanism));
  }

  all(): Iterable<StoredScramCredential> {
    return this.#metadata.image.scramCredentials.values();
  }

  /** By user: what stands against changing them. Users without a refusal have all of their changes, the others none. */
  async alter(
    deletions: readonly ScramDeletion[],
    credentials: readonly StoredScramCredential[],
  ): Promise<ReadonlyMap<string, Refusal>> {
    const refusals = new Map<string, Refusal>();
    await this.#metadata.commit((image) => {
      refusals.clear();
      const newCount = credentials.filter(({ user, mechanism }) => !has(image, user, mechanism)).length;
      const isFull = image.scramCredentials.size + newCount > CREDENTIALS_MAX;
      for (const { user, mechanism } of deletions) {
        if (has(image, user, mechanism)) continue;
        const what = 'Attempt to delete a user credential that does not exist';
        refusals.set(user, new Refusal(ErrorCode.RESOURCE_NOT_FOUND, what));
      }
      for (const { user } of isFull ? credentials : []) {
        refusals.set(user, new Refusal(ErrorCode.POLICY_VIOLATION, `There can be ${CREDENTIALS_MAX} credentials.`));
      }
      const isFine = ({ user }: { user: string }) => !refusals.has(user);
      return [
        ...deletions
          .filter(isFine)
          .map(({ user, mechanism }): MetadataChange => ({ type: 'scram-credential-deleted', user, mechanism })),
        ...credentials
          .filter(isFine)
          .map((credential): MetadataChange => ({ type: 'scram-credential-set', credential })),
      ];
    });
    return refusals;
  }
}

function has(image: Image, user: string, mechanism: Mechanism): boolean {
  return image.scramCredentials.has(scramKey(user, mechanism));
}
