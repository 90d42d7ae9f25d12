// What the settings say about who may come in, and how: per listener its protocol, certificates and logins; for the broker
// access control, delegation tokens, limits. Kafka's names; `listener.name.<name>.<key>` is stronger than `<key>`, and
// `listener.name.<name>.<mechanism>.<key>` stronger still. Nothing here reads a file or checks a certificate.

import { securityDefinitions } from '../metadata/configs/broker/security.ts';
import type { Definition } from '../metadata/configs/definition.ts';
import { definitionOf } from '../metadata/configs/definition.ts';
import { parseConfig, splitList } from '../metadata/configs/parse-value.ts';
import { STANDARD_AUTHORIZER } from '../security/authorizer.ts';
import { PLAIN_LOGIN_MODULE, parseJaas, plainUsers } from '../security/jaas.ts';
import { type Principal, parsePrincipals } from '../security/principal.ts';
import { PrincipalMapping } from '../security/principal-mapping.ts';
import { SASL_MECHANISMS, type SaslMechanism } from '../security/sasl-mechanism.ts';
import type {
  ListenerSecurity,
  OAuthSettings,
  SecuritySettings,
  StoreSource,
  TlsSettings,
} from '../security/security-settings.ts';
import type { ListenerSetting } from './listeners.ts';

/** Keys of Kafka's authorizer, which its own table of broker keys does not have. */
export const AUTHORIZER_KEYS = ['super.users', 'allow.everyone.if.no.acl.found'] as const;

const LISTENER_KEY = /^listener\.name\.([^.]+)\.(?:([^.]+)\.(?=sasl\.|connections\.))?(.+)$/;

/** The key of a setting that belongs to one listener, when it is one that a listener can have. */
export function listenerKeyOf(name: string): string | undefined {
  const key = LISTENER_KEY.exec(name)?.[3];
  return key !== undefined && definitionOf(securityDefinitions, key) ? key : undefined;
}

export class SecurityReading {
  readonly #given: ReadonlyMap<string, string>;
  readonly #problems: string[];

  constructor(given: ReadonlyMap<string, string>, problems: string[]) {
    this.#given = given;
    this.#problems = problems;
  }

  read(listeners: readonly ListenerSetting[], requiredScopes: readonly string[], loginMsMax: number): SecuritySettings {
    const security = new Map<string, ListenerSecurity>();
    for (const listener of listeners) security.set(listener.name, this.#listener(listener, requiredScopes));
    return {
      listeners: security,
      authorizer: this.#authorizer(),
      delegationTokens: {
        secretKey: this.#text('', 'delegation.token.secret.key'),
        lifetimeMsMax: this.#number('', 'delegation.token.max.lifetime.ms'),
        renewalMs: this.#number('', 'delegation.token.expiry.time.ms'),
        checkMs: this.#number('', 'delegation.token.expiry.check.interval.ms'),
      },
      failedLoginDelayMs: this.#number('', 'connection.failed.authentication.delay.ms'),
      loginBytesMax: this.#number('', 'sasl.server.max.receive.size'),
      loginMsMax,
    };
  }

  #listener(listener: ListenerSetting, requiredScopes: readonly string[]): ListenerSecurity {
    const { name, securityProtocol } = listener;
    const hasTls = securityProtocol === 'SSL' || securityProtocol === 'SASL_SSL';
    const hasSasl = securityProtocol === 'SASL_PLAINTEXT' || securityProtocol === 'SASL_SSL';
    const principalMapping = this.#text(name, 'ssl.principal.mapping.rules') ?? 'DEFAULT';
    this.#check(() => new PrincipalMapping(principalMapping), `ssl.principal.mapping.rules of ${name}`);
    return {
      protocol: securityProtocol,
      tls: hasTls ? this.#tls(name, securityProtocol === 'SASL_SSL') : null,
      principalMapping,
      sasl: hasSasl ? this.#sasl(name, requiredScopes) : null,
    };
  }

  #tls(listener: string, isSasl: boolean): TlsSettings {
    const keyStore = this.#keyStore(listener);
    const protocols = this.#list(listener, 'ssl.enabled.protocols');
    const unknown = protocols.find((protocol) => protocol !== 'TLSv1.2' && protocol !== 'TLSv1.3');
    if (unknown !== undefined || protocols.length === 0) {
      this.#problems.push(
        `ssl.enabled.protocols of ${listener} has ${unknown ?? 'nothing'}; TLSv1.2 and TLSv1.3 are spoken, nothing older.`,
      );
    }
    const asked = this.#text(listener, 'ssl.client.auth') ?? 'none';
    // Kafka looks at client certificates of a SASL_SSL listener only when its own setting says so.
    const clientAuth =
      isSasl && !this.#given.has(`listener.name.${listener.toLowerCase()}.ssl.client.auth`) ? 'none' : asked;
    const trustStore = this.#trustStore(listener);
    if (clientAuth !== 'none' && trustStore === null) {
      this.#problems.push(
        `ssl.client.auth of ${listener} is ${clientAuth}, and nothing says whom to trust; set ssl.truststore.location or ssl.truststore.certificates.`,
      );
    }
    return {
      keyStore,
      trustStore,
      clientCertificate: clientAuth as TlsSettings['clientCertificate'],
      versionMin: protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
      versionMax: protocols.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
      cipherSuites: this.#list(listener, 'ssl.cipher.suites'),
    };
  }

  #keyStore(listener: string): TlsSettings['keyStore'] {
    const key = this.#text(listener, 'ssl.keystore.key');
    const keyPassword = this.#text(listener, 'ssl.key.password');
    if (key !== null) {
      const certificates = this.#text(listener, 'ssl.keystore.certificate.chain');
      if (certificates === null) {
        this.#problems.push(`ssl.keystore.key of ${listener} has no ssl.keystore.certificate.chain beside it.`);
      }
      return { kind: 'texts', key, certificates: certificates ?? '', keyPassword };
    }
    const source = this.#store(listener, 'ssl.keystore');
    if (source === null) {
      this.#problems.push(
        `The listener ${listener} speaks TLS and has no certificate; set ssl.keystore.location (and ssl.keystore.type: PEM or PKCS12).`,
      );
      return { kind: 'texts', key: '', certificates: '', keyPassword };
    }
    return { kind: 'file', ...source, keyPassword };
  }

  #trustStore(listener: string): TlsSettings['trustStore'] {
    const texts = this.#text(listener, 'ssl.truststore.certificates');
    if (texts !== null) return { kind: 'texts', certificates: texts };
    const source = this.#store(listener, 'ssl.truststore');
    return source && { kind: 'file', ...source };
  }

  #store(listener: string, prefix: 'ssl.keystore' | 'ssl.truststore'): StoreSource | null {
    const path = this.#text(listener, `${prefix}.location`);
    if (path === null) return null;
    if (!path.startsWith('/'))
      this.#problems.push(`${prefix}.location of ${listener} is ${path}; give an absolute path.`);
    const type = (this.#text(listener, `${prefix}.type`) ?? 'JKS').toUpperCase();
    if (type !== 'PEM' && type !== 'PKCS12') {
      this.#problems.push(
        `${prefix}.type of ${listener} is ${type}; only PEM and PKCS12 can be read (keytool -importkeystore -srckeystore ${path} -destkeystore new.p12 -deststoretype PKCS12 converts).`,
      );
    }
    return { path, type: type === 'PEM' ? 'PEM' : 'PKCS12', password: this.#text(listener, `${prefix}.password`) };
  }

  #sasl(listener: string, requiredScopes: readonly string[]): ListenerSecurity['sasl'] {
    const names = this.#list(listener, 'sasl.enabled.mechanisms');
    const unknown = names.find((name) => !SASL_MECHANISMS.includes(name as SaslMechanism));
    if (unknown !== undefined || names.length === 0) {
      this.#problems.push(
        `sasl.enabled.mechanisms of ${listener} has ${unknown ?? 'nothing'}; name some of ${SASL_MECHANISMS.join(', ')}.`,
      );
    }
    const mechanisms = names as SaslMechanism[];
    const reauthMs = new Map(
      mechanisms.map((mechanism) => [mechanism, this.#number(listener, 'connections.max.reauth.ms', mechanism)]),
    );
    return {
      mechanisms,
      reauthMs,
      plainUsers: mechanisms.includes('PLAIN') ? this.#plainUsers(listener) : new Map(),
      oauth: mechanisms.includes('OAUTHBEARER') ? this.#oauth(listener, requiredScopes) : null,
    };
  }

  #plainUsers(listener: string): ReadonlyMap<string, string> {
    const text = this.#text(listener, 'sasl.jaas.config', 'PLAIN');
    const what = `listener.name.${listener.toLowerCase()}.plain.sasl.jaas.config`;
    if (text === null) {
      this.#problems.push(
        `The listener ${listener} offers PLAIN and knows no users; set ${what}=${PLAIN_LOGIN_MODULE} required user_alice="…";`,
      );
      return new Map();
    }
    const entries = this.#check(() => parseJaas(text), what) ?? [];
    const entry = entries.find(({ module }) => module === PLAIN_LOGIN_MODULE);
    if (!entry && entries.length > 0) this.#problems.push(`${what} does not name ${PLAIN_LOGIN_MODULE}.`);
    return entry ? plainUsers(entry) : new Map();
  }

  #oauth(listener: string, requiredScopes: readonly string[]): OAuthSettings {
    const text = (key: string) => this.#text(listener, `sasl.oauthbearer.${key}`, 'OAUTHBEARER');
    const keysUrl = text('jwks.endpoint.url');
    if (keysUrl === null || !/^(https?|file):\/\//.test(keysUrl)) {
      this.#problems.push(
        `The listener ${listener} offers OAUTHBEARER and sasl.oauthbearer.jwks.endpoint.url does not say where the keys are (https://…, http://… or file:///…).`,
      );
    }
    const number = (key: string) => this.#number(listener, `sasl.oauthbearer.${key}`, 'OAUTHBEARER');
    return {
      keysUrl: keysUrl ?? '',
      refreshMs: number('jwks.endpoint.refresh.ms'),
      retryMs: number('jwks.endpoint.retry.backoff.ms'),
      rules: {
        issuer: text('expected.issuer'),
        audiences: splitList(text('expected.audience') ?? ''),
        clockSkewSeconds: number('clock.skew.seconds'),
        scopeClaimName: text('scope.claim.name') ?? 'scope',
        subjectClaimName: text('sub.claim.name') ?? 'sub',
        requiredScopes,
      },
    };
  }

  #authorizer(): SecuritySettings['authorizer'] {
    const className = this.#text('', 'authorizer.class.name') ?? '';
    if (className === '') return null;
    if (className !== STANDARD_AUTHORIZER) {
      this.#problems.push(`authorizer.class.name is ${className}; there is ${STANDARD_AUTHORIZER} alone.`);
    }
    const { principals, invalid } = parsePrincipals(this.#given.get('super.users') ?? '');
    for (const each of invalid)
      this.#problems.push(`super.users has "${each}", which is not type:name, for example User:admin.`);
    const everyone = (this.#given.get('allow.everyone.if.no.acl.found') ?? 'false').trim().toLowerCase();
    if (everyone !== 'true' && everyone !== 'false') {
      this.#problems.push('allow.everyone.if.no.acl.found is neither true nor false.');
    }
    return { superUsers: principals as Principal[], allowEveryoneIfNoAclFound: everyone === 'true' };
  }

  /** The strongest text there is; null when there is none, not even by default. */
  #text(listener: string, key: string, mechanism?: string): string | null {
    const prefix = `listener.name.${listener.toLowerCase()}.`;
    const given =
      (mechanism === undefined ? undefined : this.#given.get(`${prefix}${mechanism.toLowerCase()}.${key}`)) ??
      (listener === '' ? undefined : this.#given.get(`${prefix}${key}`)) ??
      this.#given.get(key);
    return given ?? definitionOf(securityDefinitions, key)?.defaultValue ?? null;
  }

  #list(listener: string, key: string): readonly string[] {
    return splitList(this.#text(listener, key) ?? '');
  }

  #number(listener: string, key: string, mechanism?: string): number {
    const definition = definitionOf(securityDefinitions, key) as Definition;
    const text = this.#text(listener, key, mechanism);
    const value = this.#check(() => parseConfig(key, definition, text), key);
    return typeof value === 'number' ? value : 0;
  }

  #check<T>(read: () => T, what: string): T | undefined {
    try {
      return read();
    } catch (error) {
      const sentence = `${what} cannot be read: ${(error as Error).message}.`;
      if (!this.#problems.includes(sentence)) this.#problems.push(sentence);
      return undefined;
    }
  }
}
