// Every API this broker answers, by key. Filled once while the broker is put together and read by the server for each
// request (an array index) and by ApiVersions, which claims exactly what is in here. Invariant: one entry per key, and
// its versions are a part of those its definition can decode.
import type { ApiHandler } from './api.ts';

export interface SupportedVersions {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

// The server hands each handler what that handler's own definition decoded; no common type but `any` says so.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyApiHandler = ApiHandler<any, any>;

export class Registry {
  readonly #byKey: (AnyApiHandler | undefined)[] = [];
  #versions: readonly SupportedVersions[] = [];

  readonly #wrap: (handler: AnyApiHandler) => AnyApiHandler;

  /** `wrap` gives what is registered in a handler's place (the authorizer's questions, for example). */
  constructor(
    handlers: readonly AnyApiHandler[] = [],
    wrap: (handler: AnyApiHandler) => AnyApiHandler = (same) => same,
  ) {
    this.#wrap = wrap;
    for (const handler of handlers) {
      this.add(handler);
    }
  }

  add(handler: AnyApiHandler): void {
    const { api, minVersion, maxVersion } = handler;
    const minHandledVersion = handler.minHandledVersion ?? minVersion;
    if (this.#byKey[api.key] !== undefined) {
      throw new Error(`API ${api.name} (${api.key}) is registered twice`);
    }
    if (minVersion > maxVersion || minHandledVersion < api.minVersion || maxVersion > api.maxVersion) {
      throw new Error(
        `API ${api.name}: versions ${minHandledVersion} to ${maxVersion} are not those of its definition`,
      );
    }
    while (this.#byKey.length <= api.key) {
      this.#byKey.push(undefined);
    }
    this.#byKey[api.key] = this.#wrap(handler);
    this.#versions = this.#byKey
      .filter((entry) => entry !== undefined)
      .map((entry) => ({ apiKey: entry.api.key, minVersion: entry.minVersion, maxVersion: entry.maxVersion }));
  }

  get(apiKey: number): AnyApiHandler | undefined {
    return apiKey >= 0 ? this.#byKey[apiKey] : undefined;
  }

  /** In order of API key. */
  get versions(): readonly SupportedVersions[] {
    return this.#versions;
  }
}
