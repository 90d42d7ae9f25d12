// Packages that are loaded when they are first used, or as scripts. A broker whose clients never send LZ4 keeps no LZ4 library in
// memory, and does not wait for it at start. Loading is synchronous, once, and takes a few milliseconds.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** `name` is a dependency of this package that can be required, or a module of Node's. What is returned gives the package. */
export function onFirstUse<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= require(name) as T;
    return loaded;
  };
}

/**
 * At once, for what every start needs. When a module imports a script, Node first looks through its text for the names that it exports, in
 * JavaScript: for the few packages of a start that took a fifth of its CPU time (docs/decisions/0004-bundled-start.md).
 */
export function required<T>(name: string): T {
  return require(name) as T;
}

/** A file of the package, named from its main one, that it keeps to itself. Only for a package whose exact version is known. */
export function besideMain<T>(name: string, file: string): T {
  return createRequire(require.resolve(name))(file) as T;
}
