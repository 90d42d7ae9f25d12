// One hostile connection: sends right frames and then a broken one, without waiting for answers, as fast as the broker takes them, now and then one byte at a time or
// half a frame and then nothing; when the broker closes it, or it is bored, it comes again.
import { connect, type Socket } from 'node:net';
import { FrameAssembler } from '../../src/protocol/frame-assembler.ts';
import type { Dice } from '../dice.ts';
import type { HostileFrames } from './frames.ts';

const FRAMES_PER_WRITE = 40;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** Some answers never come, or wait for one that does not. */
const QUIET_MS = 300;

export class HostileConnection {
  readonly #port: number;
  readonly #frames: HostileFrames;
  readonly #dice: Dice;
  #ended = false;
  inputs = 0;
  connections = 0;
  answers = 0;

  constructor(port: number, frames: HostileFrames, dice: Dice) {
    this.#port = port;
    this.#frames = frames;
    this.#dice = dice;
  }

  /** Until `end` is called. */
  async run(): Promise<void> {
    while (!this.#ended) await this.#visit();
  }

  end(): void {
    this.#ended = true;
  }

  async #visit(): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {});
    const answers = new FrameAssembler(ANSWER_BYTES_MAX);
    socket.on('data', (bytes) => this.#count(answers, bytes));
    this.connections++;
    let isOpen = true;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve(void (isOpen = false))));
    const rounds = 1 + this.#dice.below(30);
    for (let round = 0; round < rounds && isOpen && !this.#ended; round++) {
      await Promise.race([this.#send(socket), closed]);
    }
    if (isOpen && this.#dice.below(4) === 0) socket.write(this.#frames.next().subarray(0, 7));
    socket.destroy();
    await closed;
  }

  #count(answers: FrameAssembler, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const room = answers.buffer();
      const count = bytes.copy(room, 0, at);
      answers.received(count);
      at += count;
    }
    while (answers.next() !== undefined) this.answers++;
  }

  async #send(socket: Socket): Promise<void> {
    // What follows a broken frame is never looked at.
    const frames = Array.from({ length: this.#dice.below(FRAMES_PER_WRITE) }, () => this.#frames.request());
    frames.push(this.#frames.next());
    this.inputs += frames.length;
    const bytes = Buffer.concat(frames);
    if (this.#dice.below(200) === 0) for (const byte of bytes.subarray(0, 200)) socket.write(Buffer.of(byte));
    else if (!socket.write(bytes)) await new Promise<void>((resolve) => socket.once('drain', resolve));
    await this.#answered(socket, this.answers + frames.length - 1);
  }

  /** Until everything that can be answered is, or nothing more comes. */
  #answered(socket: Socket, answers: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        socket.off('data', look);
        socket.off('close', done);
        resolve();
      };
      const look = () => {
        if (this.answers >= answers) done();
        else timer.refresh();
      };
      const timer = setTimeout(done, QUIET_MS);
      socket.on('data', look);
      socket.once('close', done);
    });
  }
}
