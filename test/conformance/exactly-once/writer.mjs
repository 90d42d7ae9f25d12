// Writes the input of the exactly-once run, "key amount", a little all the time while the broker comes and goes.

import { compiled } from './compiled.mjs';

const { Producer } = await compiled('client/producer.js');

const KEYS = 20;
const EVERY_MS = 20;
const RECORDS_MAX = 4;

export class Writer {
  #producer;
  #topic;
  #timer;
  #added = 0;
  #error;

  /** `written` gets what was acknowledged, by partition and offset. */
  constructor(client, topic, written) {
    this.#topic = topic;
    this.#producer = new Producer(client);
    this.#timer = setInterval(() => {
      for (let partition = 0; partition < written.length; partition++) {
        for (let count = Math.floor(Math.random() * RECORDS_MAX); count > 0; count--)
          this.#add(partition, written[partition]);
      }
    }, EVERY_MS);
  }

  get total() {
    return this.#added;
  }

  #add(partition, written) {
    const value = `key-${Math.floor(Math.random() * KEYS)} ${Math.floor(Math.random() * 1000)}`;
    const accepted = this.#producer.add({ topic: this.#topic, partition, value }, (error, delivery) => {
      if (error !== undefined) this.#error ??= error;
      else written[delivery.offset] = value;
    });
    if (accepted) this.#added++;
  }

  async end() {
    clearInterval(this.#timer);
    await this.#producer.flush();
    if (this.#error !== undefined) throw new Error(`the input could not be written: ${this.#error.message}`);
  }
}
