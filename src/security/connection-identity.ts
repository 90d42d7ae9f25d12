// Who is at the other end of one connection, as far as is known: from the protocol of its listener, its certificate, its login.
// Invariant: a connection that has to authenticate is nobody, and is served nothing but its login, until it has.
import type { TlsPeer } from '../runtime/network.ts';
import { subjectOf } from './distinguished-name.ts';
import { ANONYMOUS, type Principal, userPrincipal } from './principal.ts';
import type { PrincipalMapping } from './principal-mapping.ts';
import type { SaslSession } from './sasl-session.ts';
import type { SecurityProtocol } from './security-settings.ts';

export interface ConnectionIdentityOptions {
  readonly protocol: SecurityProtocol;
  readonly mapping: PrincipalMapping;
  /** Of listeners with SASL. */
  readonly sasl: SaslSession | undefined;
}

export class ConnectionIdentity {
  readonly protocol: SecurityProtocol;
  readonly sasl: SaslSession | undefined;
  readonly #mapping: PrincipalMapping;
  #certificatePrincipal: Principal | undefined;
  #handshaken: boolean;

  constructor({ protocol, mapping, sasl }: ConnectionIdentityOptions) {
    this.protocol = protocol;
    this.sasl = sasl;
    this.#mapping = mapping;
    this.#handshaken = protocol === 'PLAINTEXT' || protocol === 'SASL_PLAINTEXT';
  }

  get principal(): Principal {
    return this.sasl?.identity?.principal ?? this.#certificatePrincipal ?? ANONYMOUS;
  }

  /** Logged in with a delegation token. */
  get byToken(): boolean {
    return this.sasl?.identity?.byToken ?? false;
  }

  /** Whether handshake and login are behind it; a session that has ended does not change that. */
  get isComplete(): boolean {
    return this.#handshaken && (this.sasl === undefined || this.sasl.identity !== undefined);
  }

  /** The TLS handshake is done. A sentence when the client's certificate names nobody, and the connection must close. */
  secured({ certificate }: TlsPeer): string | undefined {
    this.#handshaken = true;
    // As in Kafka, whoever logs in by SASL is who the login says.
    if (certificate === undefined || this.sasl !== undefined) return undefined;
    const name = this.#mapping.nameOf(subjectOf(certificate));
    if (name === undefined) return 'no rule of ssl.principal.mapping.rules applies to the name in its certificate';
    this.#certificatePrincipal = userPrincipal(name);
    return undefined;
  }
}
