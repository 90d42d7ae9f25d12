// Which names are taken, up to '.' and '_': follows images forward and back at the cost of what differs between them.
import assert from 'node:assert';
import type { Image } from './image.ts';
import { PersistentMap } from './persistent-map.ts';
import { collisionForm } from './topic-name.ts';

export class CollisionIndex {
  readonly #names = new Map<string, string>();
  #topics: Image['topics'] = new PersistentMap();

  /** The topic of this image that `name` collides with; a topic of the same name does not count. */
  find(image: Image, name: string): string | undefined {
    this.#follow(image.topics);
    const found = this.#names.get(collisionForm(name));
    return found === name ? undefined : found;
  }

  #follow(topics: Image['topics']): void {
    if (topics === this.#topics) return;
    assert(topics instanceof PersistentMap && this.#topics instanceof PersistentMap);
    for (const name of topics.changedSince(this.#topics)) {
      const form = collisionForm(name);
      if (topics.has(name)) this.#names.set(form, name);
      else if (this.#names.get(form) === name) this.#names.delete(form);
    }
    this.#topics = topics;
  }
}
