// Which names objects may have: parts that every file system and bucket takes, none of them hidden.
import assert from 'node:assert';

const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const KEY_LENGTH_MAX = 900;

/** Keys are made by this program alone, so a bad one is a bug. */
export function checkKey(key: string): void {
  assert(KEY.test(key) && key.length <= KEY_LENGTH_MAX, `bad object key ${key}`);
}
