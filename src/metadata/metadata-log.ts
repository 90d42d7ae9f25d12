// The image and its log of numbered commits in an object store:
//
//   metadata/00000000000000000042.json            a commit, created only if absent: whoever creates it has won the number
//   metadata/snapshot-00000000000000000256.json   everything up to and with commit 256
//
// Any number of brokers may commit to one store. Invariants: commit n is folded into the image of commit n-1 and no
// other; a commit is removed only when it is older than the last but one snapshot, so a reader that lags finds either
// its next commit or a newer snapshot; and because a removed name could be created again by a writer that slept through
// all this, a creation counts only when no snapshot at or above its number existed before it, and no two do after it.
import assert from 'node:assert';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { Clock, LogLines, Random } from '../runtime/runtime.ts';
import { type CommitFile, damaged, decodeCommitFile, encodeCommitFile } from './commit-file.ts';
import { emptyImage, fold } from './fold.ts';
import type { Image, Metadata, MetadataChange } from './image.ts';
import { MetadataError } from './metadata-error.ts';
import { randomId } from './random-id.ts';
import { snapshotChanges } from './snapshot.ts';

/** Commits between two snapshots: bounds what a start has to read. */
const SNAPSHOT_EVERY = 256;
/** Races lost in a row before a commit gives up; each loss is another broker's success. */
const ATTEMPTS_MAX = 1000;
const LIST_LIMIT = 1000;

export interface MetadataOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LogLines;
  readonly snapshotEvery?: number;
  /** Decided once, in the same commit that creates the cluster when there is none. */
  readonly atStart?: (image: Image) => readonly MetadataChange[];
}

/** Reads what the store holds; the first broker over an empty store creates the cluster. Rejects with MetadataError. */
export async function openMetadata(options: MetadataOptions): Promise<MetadataLog> {
  const metadata = new MetadataLog(options);
  await metadata.refresh();
  const clusterId = randomId(options.random);
  await metadata.commit((image) => [
    ...(image.clusterId === '' ? [{ type: 'cluster-created' as const, clusterId }] : []),
    ...(options.atStart?.(image) ?? []),
  ]);
  return metadata;
}

interface Waiting {
  readonly decide: (image: Image) => readonly MetadataChange[];
  /** Commits of other brokers are wanted even when nothing is decided. */
  readonly reread: boolean;
  resolve(image: Image): void;
  reject(error: unknown): void;
}

export class MetadataLog implements Metadata {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: LogLines;
  readonly #snapshotEvery: number;
  readonly #listeners: ((image: Image, before: Image) => void)[] = [];
  #waiting: Waiting[] = [];
  #running = false;
  #image: Image = emptyImage();
  /** Number of the newest snapshot known; 0 when there is none. */
  #snapshotNumber = 0;

  constructor(options: MetadataOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#snapshotEvery = options.snapshotEvery ?? SNAPSHOT_EVERY;
  }

  get image(): Image {
    return this.#image;
  }

  onChange(listener: (image: Image, before: Image) => void): void {
    this.#listeners.push(listener);
  }

  /** Calls that arrive while a commit is under way share the next one. */
  commit(decide: (image: Image) => readonly MetadataChange[]): Promise<Image> {
    return this.#enqueue(decide, false);
  }

  /** Folds in what other brokers have committed. */
  refresh(): Promise<Image> {
    return this.#enqueue(() => [], true);
  }

  #enqueue(decide: Waiting['decide'], reread: boolean): Promise<Image> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, reread, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commitTogether(together);
        await this.#snapshotWhenDue();
      } catch (error) {
        for (const each of together) each.reject(error);
      }
    }
    this.#running = false;
  }

  /** Settles every one of `together`, or throws. */
  async #commitTogether(together: readonly Waiting[]): Promise<void> {
    if (together.some((each) => each.reread)) await this.#catchUp();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { changes, image, agreed } = this.#decide(together);
      if (changes.length > 0) {
        if (!(await this.#create(image.version, changes))) {
          await this.#catchUp();
          continue;
        }
        this.#advance(image);
      }
      for (const each of agreed) each.resolve(this.#image);
      return;
    }
    throw new Error(`Other brokers won ${ATTEMPTS_MAX} commits in a row.`);
  }

  /** Each decides on the image that the ones before it lead to. Those that throw are out. */
  #decide(together: readonly Waiting[]): { changes: MetadataChange[]; image: Image; agreed: Waiting[] } {
    const changes: MetadataChange[] = [];
    const agreed: Waiting[] = [];
    const number = this.#image.version + 1;
    let image = this.#image;
    for (const each of together) {
      try {
        const own = each.decide(image);
        if (own.length > 0) image = fold(image, own, number);
        changes.push(...own);
        agreed.push(each);
      } catch (error) {
        each.reject(error);
      }
    }
    return { changes, image, agreed };
  }

  /** Creates the commit file; false when another broker has the number. */
  async #create(number: number, changes: readonly MetadataChange[]): Promise<boolean> {
    const key = commitKey(number);
    const file = this.#file(number, changes);
    if ((await this.#snapshotsFrom(number)) > 0) return false;
    // The store may have created the object and failed to say so: then the second try finds the own nonce.
    const created = (await this.#store.createIfAbsent(key, encodeCommitFile(file))) || (await this.#isOwn(file));
    if (!created) return false;
    if ((await this.#snapshotsFrom(number)) < 2) return true;
    await this.#store.delete(key);
    throw new Error(
      'This broker was stopped for so long that it cannot know whether its change was made; look, and try again.',
    );
  }

  /** How many snapshots, up to two, hold commits with this number or later ones. */
  async #snapshotsFrom(number: number): Promise<number> {
    return (await this.#store.list(SNAPSHOTS, { after: snapshotKey(number - 1), limit: 2 })).length;
  }

  async #isOwn(file: CommitFile): Promise<boolean> {
    const key = commitKey(file.number);
    const body = await this.#store.get(key);
    return body !== undefined && decodeCommitFile(key, body, file.number).nonce === file.nonce;
  }

  #file(number: number, changes: readonly MetadataChange[]): CommitFile {
    const at = new Date(this.#clock.nowMs()).toISOString();
    return { number, at, nonce: this.#random.bytes(12).toString('base64url'), changes };
  }

  async #catchUp(): Promise<void> {
    let image = this.#image.version === 0 ? await this.#newestSnapshot(this.#image) : this.#image;
    for (;;) {
      const keys = await this.#store.list(COMMITS, { after: commitKey(image.version), limit: LIST_LIMIT });
      if (keys.length === 0) break;
      image = await this.#foldCommits(image, keys);
    }
    if (image !== this.#image) this.#advance(image);
  }

  /** Folds the commits as far as they are consecutive; after a gap, goes on from a newer snapshot. */
  async #foldCommits(image: Image, keys: readonly string[]): Promise<Image> {
    for (const key of keys) {
      const number = numberOf(key);
      const body = number === image.version + 1 ? await this.#store.get(key) : undefined;
      if (body === undefined) {
        const newer = await this.#newestSnapshot(image);
        if (newer === image) throw damaged(commitKey(image.version + 1), 'it is missing');
        return newer;
      }
      image = foldFile(key, image, decodeCommitFile(key, body, number));
    }
    return image;
  }

  /** The image of the newest snapshot, or `image` when that is not older. */
  async #newestSnapshot(image: Image): Promise<Image> {
    const key = (await this.#store.list(SNAPSHOTS)).at(-1);
    if (key === undefined || numberOf(key) <= image.version) return image;
    const body = await this.#store.get(key);
    if (body === undefined) return this.#newestSnapshot(image);
    this.#snapshotNumber = numberOf(key);
    return foldFile(key, emptyImage(), decodeCommitFile(key, body, this.#snapshotNumber));
  }

  #advance(image: Image): void {
    assert(image.version > this.#image.version);
    const before = this.#image;
    this.#image = image;
    for (const listener of this.#listeners) listener(image, before);
  }

  /** A snapshot that fails costs nothing but time at the next start. */
  async #snapshotWhenDue(): Promise<void> {
    const image = this.#image;
    if (image.version - this.#snapshotNumber < this.#snapshotEvery) return;
    const previous = this.#snapshotNumber;
    this.#snapshotNumber = image.version;
    try {
      await this.#store.createIfAbsent(
        snapshotKey(image.version),
        encodeCommitFile(this.#file(image.version, snapshotChanges(image))),
      );
      await this.#removeUpTo(previous);
    } catch (error) {
      this.#log.warn('A metadata snapshot could not be written; the next one will be tried later.', {
        error: String(error),
      });
    }
  }

  /** Removes commits up to the last but one snapshot, and the snapshots before it. */
  async #removeUpTo(snapshotNumber: number): Promise<void> {
    const snapshots = (await this.#store.list(SNAPSHOTS)).map(numberOf);
    const boundary = Math.min(snapshotNumber, snapshots.at(-2) ?? 0);
    for (const number of snapshots) if (number < boundary) await this.#store.delete(snapshotKey(number));
    for (;;) {
      const keys = (await this.#store.list(COMMITS, { limit: LIST_LIMIT })).filter((key) => numberOf(key) <= boundary);
      for (const key of keys) await this.#store.delete(key);
      if (keys.length < LIST_LIMIT) return;
    }
  }
}

const COMMITS = 'metadata/0';
const SNAPSHOTS = 'metadata/snapshot-';

function commitKey(number: number): string {
  return `metadata/${String(number).padStart(20, '0')}.json`;
}

function snapshotKey(number: number): string {
  return `${SNAPSHOTS}${String(number).padStart(20, '0')}.json`;
}

function numberOf(key: string): number {
  const digits = /^metadata\/(?:snapshot-)?(\d{20})\.json$/.exec(key)?.[1];
  if (digits === undefined)
    throw new MetadataError('DAMAGED', `The file ${key} does not belong to the metadata log; move it away.`);
  return Number(digits);
}

function foldFile(key: string, image: Image, file: CommitFile): Image {
  try {
    return fold(image, file.changes, file.number);
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    throw new MetadataError(error.code, `${error.message} (${key})`, error);
  }
}
