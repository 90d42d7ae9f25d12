// How each listener lets connections in: its certificates, kept up to date with their files, and a new identity for each
// connection. Made once in a broker's life; `close` ends what it watches.

import type { TlsTerms } from '../runtime/network.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ConnectionIdentity } from './connection-identity.ts';
import { JwtValidator } from './jwt-validator.ts';
import { OAuthBearerServer } from './oauth-bearer.ts';
import { PlainServer } from './plain.ts';
import { PrincipalMapping } from './principal-mapping.ts';
import type { SaslServer } from './sasl-mechanism.ts';
import { SaslSession } from './sasl-session.ts';
import { type ScramDirectory, ScramServer } from './scram.ts';
import type {
  ListenerSecurity,
  OAuthSettings,
  SaslSettings,
  SecuritySettings,
  TlsSettings,
} from './security-settings.ts';
import { type LoadedTls, loadTls, TlsError } from './tls-terms.ts';

export interface ListenerGate {
  /** Undefined: no TLS. */
  readonly tls: TlsTerms | undefined;
  /** Called with new terms when the files have changed. */
  onTlsChange(listener: (terms: TlsTerms) => void): void;
  newIdentity(): ConnectionIdentity;
}

export interface GatesOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'random' | 'files' | 'log' | 'web'>;
  readonly security: SecuritySettings;
  readonly directory: ScramDirectory;
  readonly reloadMs: number;
}

export interface ListenerGates {
  readonly byListener: ReadonlyMap<string, ListenerGate>;
  close(): void;
}

const KEY_SET_BYTES_MAX = 1024 * 1024;
const KEY_SET_TIMEOUT_MS = 10_000;

/** Throws TlsError that names the listener. */
export async function openGates(options: GatesOptions): Promise<ListenerGates> {
  const gates = new Map<string, ListenerGate>();
  const watched: WatchedTls[] = [];
  const decoyKey = options.runtime.random.bytes(32);
  for (const [name, listener] of options.security.listeners) {
    const tls = listener.tls && (await WatchedTls.open(name, listener.tls, options));
    if (tls) watched.push(tls);
    gates.set(name, gateOf(listener, tls ?? undefined, options, decoyKey));
  }
  const timer =
    watched.length > 0 ? every(options, () => Promise.all(watched.map((tls) => tls.lookAgain()))) : undefined;
  return { byListener: gates, close: () => timer?.() };
}

function gateOf(
  listener: ListenerSecurity,
  tls: WatchedTls | undefined,
  options: GatesOptions,
  decoyKey: Buffer,
): ListenerGate {
  const mapping = new PrincipalMapping(listener.principalMapping);
  const { sasl, protocol } = listener;
  const newServer = sasl ? serversOf(sasl, options, decoyKey) : undefined;
  return {
    get tls() {
      return tls?.terms;
    },
    onTlsChange: (changed) => tls?.onChange(changed),
    newIdentity() {
      const session =
        sasl && newServer
          ? new SaslSession({
              mechanisms: sasl.mechanisms,
              newServer,
              reauthMs: (mechanism) => sasl.reauthMs.get(mechanism) ?? 0,
              clock: options.runtime.clock,
            })
          : undefined;
      return new ConnectionIdentity({ protocol, mapping, sasl: session });
    },
  };
}

function serversOf(sasl: SaslSettings, options: GatesOptions, decoyKey: Buffer): (mechanism: string) => SaslServer {
  const { random } = options.runtime;
  const tokens = sasl.oauth && validatorOf(sasl.oauth, options);
  return (mechanism) => {
    switch (mechanism) {
      case 'PLAIN':
        return new PlainServer(sasl.plainUsers);
      case 'SCRAM-SHA-256':
      case 'SCRAM-SHA-512':
        return new ScramServer(mechanism, options.directory, random, decoyKey);
      default:
        return new OAuthBearerServer((token) => tokens!.check(token));
    }
  };
}

function validatorOf({ keysUrl, refreshMs, retryMs, rules }: OAuthSettings, options: GatesOptions): JwtValidator {
  const { clock, files, web } = options.runtime;
  const file = /^file:\/\/(?:localhost)?(\/.*)$/.exec(keysUrl)?.[1];
  return new JwtValidator({
    rules,
    async fetchKeys() {
      if (file !== undefined) return (await files.readFile(decodeURIComponent(file))).toString('utf8');
      if (!web) throw new Error('this runtime reaches no web server');
      return web.text(keysUrl, { bytesMax: KEY_SET_BYTES_MAX, timeoutMs: KEY_SET_TIMEOUT_MS });
    },
    clock,
    refreshMs,
    retryMs,
  });
}

/** A listener's certificates. When a change cannot be read, the old ones stay and the log says so. */
class WatchedTls {
  readonly #name: string;
  readonly #settings: TlsSettings;
  readonly #options: GatesOptions;
  readonly #listeners: ((terms: TlsTerms) => void)[] = [];
  #loaded: LoadedTls;
  #complained = '';

  private constructor(name: string, settings: TlsSettings, options: GatesOptions, loaded: LoadedTls) {
    this.#name = name;
    this.#settings = settings;
    this.#options = options;
    this.#loaded = loaded;
  }

  static async open(name: string, settings: TlsSettings, options: GatesOptions): Promise<WatchedTls> {
    try {
      return new WatchedTls(name, settings, options, await load(settings, options));
    } catch (error) {
      if (error instanceof TlsError) throw new TlsError(`the listener ${name}: ${error.message}`, error);
      throw error;
    }
  }

  get terms(): TlsTerms {
    return this.#loaded.terms;
  }

  onChange(listener: (terms: TlsTerms) => void): void {
    this.#listeners.push(listener);
  }

  async lookAgain(): Promise<void> {
    const { log } = this.#options.runtime;
    try {
      const loaded = await load(this.#settings, this.#options);
      if (loaded.fingerprint === this.#loaded.fingerprint) return;
      for (const listener of this.#listeners) listener(loaded.terms);
      this.#loaded = loaded;
      this.#complained = '';
      log.info('Certificates were read again', { listener: this.#name });
    } catch (error) {
      const reason = (error as Error).message;
      if (reason === this.#complained) return;
      this.#complained = reason;
      log.warn('Changed certificates cannot be used; the old ones stay', { listener: this.#name, reason });
    }
  }
}

function load(settings: TlsSettings, { runtime, security }: GatesOptions): Promise<LoadedTls> {
  return loadTls(settings, security.loginMsMax, (path) => runtime.files.readFile(path));
}

/** Again and again, one after the other; the function that is returned ends it. */
function every({ runtime, reloadMs }: GatesOptions, work: () => Promise<unknown>): () => void {
  let ended = false;
  const later = () =>
    runtime.timers.set(reloadMs, () => {
      if (ended) return;
      void work().then(() => {
        if (!ended) timer = later();
      });
    });
  let timer = later();
  return () => {
    ended = true;
    timer.cancel();
  };
}
