// The object store of a broker that keeps nothing: a map.
import { checkKey } from './key.ts';
import type { ObjectStore } from './object-store.ts';

export function memoryObjectStore(): ObjectStore {
  const objects = new Map<string, Buffer>();
  return {
    async get(key) {
      checkKey(key);
      const body = objects.get(key);
      return body === undefined ? undefined : Buffer.from(body);
    },
    async createIfAbsent(key, body) {
      checkKey(key);
      if (objects.has(key)) return false;
      objects.set(key, Buffer.from(body));
      return true;
    },
    async list(prefix, options = {}) {
      const { after = '', limit = Number.POSITIVE_INFINITY } = options;
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
      return keys.sort().slice(0, limit);
    },
    async delete(key) {
      checkKey(key);
      objects.delete(key);
    },
  };
}
