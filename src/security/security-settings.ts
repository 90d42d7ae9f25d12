// What the settings say about security, read and checked (settings/security.ts makes it).
import type { JwtRules } from './jwt-validator.ts';
import type { Principal } from './principal.ts';
import type { SaslMechanism } from './sasl-mechanism.ts';

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

export interface SecuritySettings {
  /** By name, as `listeners` has it. */
  readonly listeners: ReadonlyMap<string, ListenerSecurity>;
  /** null: everybody may do everything. */
  readonly authorizer: {
    readonly superUsers: readonly Principal[];
    readonly allowEveryoneIfNoAclFound: boolean;
  } | null;
  readonly delegationTokens: {
    /** null: there are none. */
    readonly secretKey: string | null;
    readonly lifetimeMsMax: number;
    readonly renewalMs: number;
    readonly checkMs: number;
  };
  /** How long a failed login waits for its answer. */
  readonly failedLoginDelayMs: number;
  /** The largest frame of a client that has not logged in. */
  readonly loginBytesMax: number;
  /** How long handshake and login may take, together. */
  readonly loginMsMax: number;
}

export interface ListenerSecurity {
  readonly protocol: SecurityProtocol;
  readonly tls: TlsSettings | null;
  /** ssl.principal.mapping.rules */
  readonly principalMapping: string;
  readonly sasl: SaslSettings | null;
}

export interface TlsSettings {
  readonly keyStore:
    | {
        readonly kind: 'texts';
        readonly key: string;
        readonly certificates: string;
        readonly keyPassword: string | null;
      }
    | ({ readonly kind: 'file'; readonly keyPassword: string | null } & StoreSource);
  readonly trustStore:
    | { readonly kind: 'texts'; readonly certificates: string }
    | ({ readonly kind: 'file' } & StoreSource)
    | null;
  readonly clientCertificate: 'none' | 'requested' | 'required';
  readonly versionMin: 'TLSv1.2' | 'TLSv1.3';
  readonly versionMax: 'TLSv1.2' | 'TLSv1.3';
  readonly cipherSuites: readonly string[];
}

export interface StoreSource {
  readonly path: string;
  readonly type: 'PEM' | 'PKCS12';
  readonly password: string | null;
}

export interface SaslSettings {
  readonly mechanisms: readonly SaslMechanism[];
  readonly reauthMs: ReadonlyMap<string, number>;
  /** Passwords by user, of PLAIN. */
  readonly plainUsers: ReadonlyMap<string, string>;
  readonly oauth: OAuthSettings | null;
}

export interface OAuthSettings {
  readonly keysUrl: string;
  readonly refreshMs: number;
  readonly retryMs: number;
  readonly rules: JwtRules;
}

/** Whether everybody on the listener is somebody. */
export function authenticates({ sasl, tls }: ListenerSecurity): boolean {
  return sasl !== null || tls?.clientCertificate === 'required';
}
