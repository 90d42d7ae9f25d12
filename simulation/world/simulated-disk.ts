// The disk of a simulated machine, and the files on it as one process sees them: every operation takes its time before it has
// its effect and again before it is told, so that a crash can come on either side. What a power cut leaves is decided by
// runtime/memory/unsynced-files.ts. Invariant: nothing happens on the disk for a process that is dead.
import { FileError, type Files, type OpenFile } from '../../src/runtime/files.ts';
import type { FileOperation } from '../../src/runtime/memory/memory-files.ts';
import { UnsyncedFiles } from '../../src/runtime/memory/unsynced-files.ts';
import type { Dice } from './dice.ts';
import type { Trace } from './trace.ts';
import type { EventOwner, VirtualTime } from './virtual-time.ts';

const UNLIMITED_BYTES = 2 ** 40;

/** Who uses the disk: a process, or a thread of one. */
export interface DiskUser extends EventOwner {
  readonly name: string;
}

/** A process dies at an operation that changes the disk. */
export interface Countdown {
  operations: number;
  /** The operation still has its effect. */
  readonly isAfter: boolean;
  readonly strike: () => void;
}

export class SimulatedDisk {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly trace: Trace;
  content: UnsyncedFiles;
  countdown: Countdown | undefined;
  /** Called once, while the next sync of a file is under way. */
  duringSync: (() => void) | undefined;
  /** Every sync takes up to so much longer. */
  slownessMs = 0;
  /** Syncs end no sooner than this. */
  stuckUntilMs = 0;

  constructor(time: VirtualTime, dice: Dice, trace: Trace) {
    this.time = time;
    this.dice = dice;
    this.trace = trace;
    this.content = new UnsyncedFiles({ nowMs: () => time.nowMs });
  }

  /** The next process finds everything that was written. */
  processEnded(): void {
    this.#replace(this.content.kill());
  }

  /** The next process finds what was synced, and of the rest what the dice leave. */
  lostPower(dice: Dice): void {
    this.#replace(this.content.crash(dice.oneIn(6) ? undefined : dice.below));
  }

  fill(freeBytes: number): void {
    this.content.files.capacityBytes = this.content.files.usedBytes() + freeBytes;
  }

  heal(): void {
    this.content.files.capacityBytes = UNLIMITED_BYTES;
    this.content.faults.length = 0;
    this.slownessMs = 0;
    this.stuckUntilMs = 0;
  }

  seenBy(process: DiskUser): Files {
    return new ProcessFiles(this, process, this.content);
  }

  #replace(next: UnsyncedFiles): void {
    next.files.capacityBytes = this.content.files.capacityBytes;
    next.faults.push(...this.content.faults);
    this.content = next;
    this.countdown = undefined;
    this.duringSync = undefined;
  }

  /** An operation that changes something; throws when the process dies before it or after it. */
  changing(process: DiskUser, path: string, effect: () => void): void {
    const death = this.#nextIsDeath();
    if (death?.isAfter !== false) effect();
    if (death !== undefined) this.#strike(death, process, path);
  }

  async changingSoon(process: DiskUser, path: string, effect: () => Promise<void>): Promise<void> {
    const death = this.#nextIsDeath();
    if (death?.isAfter !== false) await effect();
    if (death !== undefined) this.#strike(death, process, path);
  }

  #nextIsDeath(): Countdown | undefined {
    const { countdown } = this;
    if (countdown === undefined || --countdown.operations > 0) return undefined;
    this.countdown = undefined;
    return countdown;
  }

  #strike(death: Countdown, process: DiskUser, path: string): never {
    this.trace.line(process.name, () => `dies ${death.isAfter ? 'after' : 'before'} changing ${path}`);
    death.strike();
    throw new FileError('EIO', path, `${path}: the process is dead`);
  }
}

class ProcessFiles implements Files {
  readonly #disk: SimulatedDisk;
  readonly #process: DiskUser;
  readonly #content: UnsyncedFiles;

  constructor(disk: SimulatedDisk, process: DiskUser, content: UnsyncedFiles) {
    this.#disk = disk;
    this.#process = process;
    this.#content = content;
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile> {
    await this.#time('open', path);
    const file = this.openSync(path, mode);
    await this.#time('open', path);
    return file;
  }

  openSync(path: string, mode: 'read' | 'write' | 'create'): OpenFile {
    this.#alive(path);
    const file = this.#content.files.openSync(path, mode);
    return new ProcessFile(this.#disk, this.#process, file);
  }

  async readFile(path: string): Promise<Buffer> {
    await this.#time('read', path);
    const bytes = await this.#content.files.readFile(path);
    await this.#time('read', path);
    return bytes;
  }

  async list(directory: string): Promise<string[]> {
    await this.#time('list', directory);
    return this.#content.files.list(directory);
  }

  async stat(path: string) {
    await this.#time('stat', path);
    return this.#content.files.stat(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#change('makeDirectory', path, () => this.#content.files.makeDirectory(path));
  }

  makeDirectorySync(path: string): void {
    this.#alive(path);
    this.#disk.changing(this.#process, path, () => this.#content.files.makeDirectorySync(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', from, () => this.#content.files.rename(from, to));
  }

  link(from: string, to: string): Promise<void> {
    return this.#change('link', to, () => this.#content.files.link(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#change('remove', path, () => this.#content.files.remove(path));
  }

  removeTree(path: string): Promise<void> {
    return this.#change('remove', path, () => this.#content.files.removeTree(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#change('syncDirectory', path, () => this.#content.files.syncDirectory(path));
  }

  async space(path: string) {
    await this.#time('space', path);
    return this.#content.files.space(path);
  }

  async lock(directory: string, name: string) {
    await this.#time('lock', directory);
    return this.#content.files.lock(directory, name);
  }

  /** The effect ends in the turn in which it begins, because the files below know no waiting. */
  async #change(operation: FileOperation, path: string, effect: () => Promise<void>): Promise<void> {
    await this.#time(operation, path);
    await this.#disk.changingSoon(this.#process, path, effect);
    this.#disk.trace.line(this.#process.name, () => `${operation} ${path}`);
    await this.#time(operation, path);
  }

  #time(operation: FileOperation, path: string): Promise<void> {
    return timeOf(this.#disk, this.#process, operation, path);
  }

  #alive(path: string): void {
    if (!this.#process.alive) throw new FileError('EIO', path, `${path}: the process is dead`);
  }
}

class ProcessFile implements OpenFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #process: DiskUser;
  readonly #file: OpenFile;

  constructor(disk: SimulatedDisk, process: DiskUser, file: OpenFile) {
    this.#disk = disk;
    this.#process = process;
    this.#file = file;
    this.path = file.path;
  }

  sizeSync(): number {
    this.#alive();
    return this.#file.sizeSync();
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.#time('read');
    const count = this.readSync(into, position);
    await this.#time('read');
    return count;
  }

  readSync(into: Uint8Array, position: number): number {
    this.#alive();
    return this.#file.readSync(into, position);
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#alive();
    this.#disk.changing(this.#process, this.path, () => this.#file.writeSync(parts, position));
    this.#traceWrite(parts, position);
  }

  /** Sometimes in two steps, as a kernel may. */
  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    await this.#time('write');
    const bytes = Buffer.concat(parts);
    const first = this.#disk.dice.oneIn(8) ? this.#disk.dice.below(bytes.length + 1) : bytes.length;
    this.writeSync([bytes.subarray(0, first)], position);
    await this.#time('write');
    if (first === bytes.length) return;
    this.writeSync([bytes.subarray(first)], position + first);
    await this.#time('write');
  }

  async sync(): Promise<void> {
    await this.#time('sync');
    await this.#disk.changingSoon(this.#process, this.path, () => this.#file.sync());
    this.#disk.trace.line(this.#process.name, () => `sync ${this.path}`);
    await this.#time('sync');
  }

  truncateSync(sizeBytes: number): void {
    this.#alive();
    this.#disk.changing(this.#process, this.path, () => this.#file.truncateSync(sizeBytes));
    this.#disk.trace.line(this.#process.name, () => `truncate ${this.path} to ${sizeBytes}`);
  }

  async close(): Promise<void> {
    await this.#time('stat');
    await this.#file.close();
  }

  #time(operation: FileOperation): Promise<void> {
    return timeOf(this.#disk, this.#process, operation, this.path);
  }

  #alive(): void {
    if (!this.#process.alive) throw new FileError('EIO', this.path, `${this.path}: the process is dead`);
  }

  #traceWrite(parts: readonly Uint8Array[], position: number): void {
    this.#disk.trace.line(this.#process.name, () => {
      const bytes = Buffer.concat(parts);
      return `write ${this.path} at ${position}: ${bytes.length} bytes, ${digest(bytes)}`;
    });
  }
}

function timeOf(disk: SimulatedDisk, process: DiskUser, operation: FileOperation, path: string): Promise<void> {
  const { dice, time } = disk;
  if (operation !== 'sync' && operation !== 'syncDirectory') return time.wait(dice.skewed(0.005, 0.5), process);
  let durationMs = dice.oneIn(40) ? dice.skewed(5, 80) : dice.skewed(0.05, 2);
  if (disk.slownessMs > 0) durationMs += dice.skewed(0, disk.slownessMs);
  if (disk.stuckUntilMs > time.nowMs) {
    durationMs += disk.stuckUntilMs - time.nowMs;
    disk.trace.line(process.name, () => `${operation} ${path} is stuck`);
  }
  if (operation === 'sync' && disk.duringSync !== undefined) {
    time.plan(dice.skewed(0, durationMs), process, disk.duringSync);
    disk.duringSync = undefined;
  }
  return time.wait(durationMs, process);
}

/** Short, for traces. */
export function digest(bytes: Uint8Array): string {
  let value = 0x811c9dc5;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
