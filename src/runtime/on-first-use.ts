// Packages that are loaded when they are first used. A broker whose clients never send LZ4 keeps no LZ4 library in memory,
// and does not wait for it at start. Loading is synchronous, once, and takes a few milliseconds.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** `name` is a dependency of this package that can be required. What is returned gives the package. */
export function onFirstUse<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= require(name) as T;
    return loaded;
  };
}
