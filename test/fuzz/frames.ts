// What a hostile or broken client sends, as bytes: requests of the right shape, the same with bytes changed, lengths that lie, noise.
import { apiByKey } from '../../src/protocol/all-apis.ts';
import { type Api, encodeRequestFrame } from '../../src/protocol/api.ts';
import { saslAuthenticate } from '../../src/protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../../src/protocol/messages/sasl-handshake.ts';
import type { Dice } from '../dice.ts';
import { type Known, noise, RandomMessages } from './random-message.ts';

export interface ServedApi {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Sizes, counts and the like that lie; 0 and 255 bytes are what varints are made of. */
const LIES = [0x7fffffff, 0xffffffff, 0x80000000, 0x00ffffff, 0, 1, 0xfffffffe];
const APIS_MAX = 100;
const LOGINS: readonly number[] = [saslHandshake.key, saslAuthenticate.key];

export class HostileFrames {
  readonly #dice: Dice;
  readonly #messages: RandomMessages;
  readonly #apis: readonly { readonly api: Api; readonly served: ServedApi }[];

  constructor(dice: Dice, known: Known, served: readonly ServedApi[]) {
    this.#dice = dice;
    this.#messages = new RandomMessages(dice, known);
    this.#apis = served.flatMap((one) => {
      const api = apiByKey(one.apiKey);
      return api ? [{ api, served: one }] : [];
    });
  }

  /** Mostly something that the broker closes the connection for. */
  next(): Buffer {
    const { below } = this.#dice;
    const roll = below(100);
    if (roll < 20) return this.request();
    if (roll < 60) return this.#changed(this.request());
    if (roll < 80) return this.#lying(this.request());
    if (roll < 90) return this.#cut(this.request());
    if (roll < 96) return this.#header(noise(this.#dice, below(200)));
    return roll < 99 ? withSize(noise(this.#dice, below(300))) : noise(this.#dice, 1 + below(300));
  }

  /** Of the right shape; what it says is another matter. */
  request(): Buffer {
    let { api, served } = this.#apis[this.#dice.below(this.#apis.length)]!;
    // Where nobody has to log in, an attempt closes the connection.
    if (LOGINS.includes(api.key) && this.#dice.below(20) > 0) ({ api, served } = this.#apis[0]!);
    const first = Math.max(served.minVersion, api.minVersion);
    const version = first + this.#dice.below(served.maxVersion - first + 1);
    const clientId = this.#dice.below(5) === 0 ? null : 'fuzz';
    return Buffer.concat(
      encodeRequestFrame(api, version, this.#dice.below(1000), clientId, this.#messages.message(api.request, version)),
    );
  }

  /** Some bytes behind the size. */
  #changed(frame: Buffer): Buffer {
    for (let count = 1 + this.#dice.below(5); count > 0; count--) {
      frame[4 + this.#dice.below(frame.length - 4)] = this.#dice.below(256);
    }
    return frame;
  }

  #lying(frame: Buffer): Buffer {
    if (frame.length < 20) return frame;
    const at = 8 + this.#dice.below(frame.length - 12);
    frame.writeUInt32BE(LIES[this.#dice.below(LIES.length)]!, at);
    return frame;
  }

  #cut(frame: Buffer): Buffer {
    return withSize(frame.subarray(4, 4 + this.#dice.below(frame.length - 3)));
  }

  /** Any key and version over noise. */
  #header(body: Buffer): Buffer {
    const header = Buffer.alloc(8);
    header.writeInt16BE(this.#dice.below(APIS_MAX), 0);
    header.writeInt16BE(this.#dice.below(20), 2);
    return withSize(Buffer.concat([header, body]));
  }
}

function withSize(body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}
