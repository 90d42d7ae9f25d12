// How a command proves who it is: options of its own for what is usual (`--user`, `--tls …`), or a file in Kafka's format
// (`--command-config`), as Kafka's tools take it; options are stronger than the file. Passwords are never arguments, which others on
// the machine can read: they come from a file or from OTTLA_PASSWORD.
import { resolve } from 'node:path';
import type { ClientSecurity } from '../client/broker-connection.ts';
import type { Login } from '../client/sasl-login.ts';
import { FileError } from '../runtime/files.ts';
import type { ClientTls } from '../runtime/network.ts';
import { OAUTHBEARER_LOGIN_MODULE, PLAIN_LOGIN_MODULE, parseJaas, SCRAM_LOGIN_MODULE } from '../security/jaas.ts';
import type { TlsSettings } from '../security/security-settings.ts';
import { loadIdentity, loadTrusted, TlsError } from '../security/tls-terms.ts';
import { parseProperties } from '../settings/properties.ts';
import { CommandFailure, usageFailure } from './command-failure.ts';
import type { Command } from './commander.ts';
import type { CommandWorld } from './world.ts';

export interface SecurityOptions {
  readonly commandConfig?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly mechanism?: string;
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function withSecurityOptions(command: Command): Command {
  return command
    .option('--user <name>', 'log in as (password: --password-file or OTTLA_PASSWORD)')
    .option('--password-file <file>', 'a file with the password alone')
    .option('--mechanism <name>', 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (default SCRAM-SHA-512)')
    .option('--token-file <file>', 'log in with the bearer token in a file (OAUTHBEARER)')
    .option('--tls', 'encrypt; the certificate must come from an authority that is trusted')
    .option('--tls-ca <file>', 'trust the certificates in a PEM file instead of the usual authorities')
    .option('--tls-cert <file>', 'show a certificate of your own (PEM; with --tls-key)')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--command-config <file>', "a properties file with security settings, as Kafka's tools take it");
}

/** Kafka's names; the file has them, and what the options mean is written in them. */
type Properties = ReadonlyMap<string, string>;

const KEYS: ReadonlySet<string> = new Set([
  'security.protocol',
  'sasl.mechanism',
  'sasl.jaas.config',
  'sasl.oauthbearer.token.endpoint.url',
  'ssl.endpoint.identification.algorithm',
  'ssl.key.password',
  ...['location', 'password', 'type', 'key', 'certificate.chain'].map((key) => `ssl.keystore.${key}`),
  ...['location', 'password', 'type', 'certificates'].map((key) => `ssl.truststore.${key}`),
]);
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

export async function clientSecurity(world: CommandWorld, options: SecurityOptions): Promise<ClientSecurity> {
  const properties = await propertiesOf(world, options);
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase();
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    throw usageFailure(`security.protocol is ${protocol}; it can be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.`);
  }
  const tls = options.tls || options.tlsCa || options.tlsCert || protocol.endsWith('SSL');
  const login =
    (await loginOf(world, options)) ?? (protocol.startsWith('SASL_') ? loginIn(world, properties) : undefined);
  return { ...(tls && { tls: await tlsOf(world, options, properties) }), ...(login && { login }) };
}

async function propertiesOf(world: CommandWorld, { commandConfig }: SecurityOptions): Promise<Properties> {
  if (commandConfig === undefined) return new Map();
  const properties = parseProperties((await readFile(world, commandConfig)).toString('utf8'));
  for (const key of properties.keys()) {
    if (!KEYS.has(key)) world.errors.line(`${key} in ${commandConfig} changes nothing here.`);
  }
  return properties;
}

// ---- logins

async function loginOf(world: CommandWorld, options: SecurityOptions): Promise<Login | undefined> {
  const { user, passwordFile, tokenFile } = options;
  const mechanism = (options.mechanism ?? 'SCRAM-SHA-512').toUpperCase();
  if (tokenFile !== undefined) return tokenLogin(world, tokenFile);
  if (user === undefined) {
    if (passwordFile !== undefined || options.mechanism !== undefined)
      throw usageFailure('name the user: --user NAME.');
    return undefined;
  }
  if (mechanism !== 'PLAIN' && mechanism !== 'SCRAM-SHA-256' && mechanism !== 'SCRAM-SHA-512') {
    throw usageFailure(`--mechanism is ${mechanism}; a password is checked by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.`);
  }
  return { mechanism, user, password: await passwordOf(world, passwordFile) };
}

async function passwordOf(world: CommandWorld, file: string | undefined): Promise<string> {
  if (file !== undefined) return (await readFile(world, file)).toString('utf8').replace(/\r?\n$/, '');
  const password = world.env.OTTLA_PASSWORD;
  if (password === undefined) throw usageFailure('give the password: --password-file FILE, or OTTLA_PASSWORD.');
  return password;
}

function tokenLogin(world: CommandWorld, file: string): Login {
  return { mechanism: 'OAUTHBEARER', token: async () => (await readFile(world, file)).toString('utf8') };
}

function loginIn(world: CommandWorld, properties: Properties): Login {
  const mechanism = (properties.get('sasl.mechanism') ?? '').toUpperCase() as Login['mechanism'];
  if (!MECHANISMS.includes(mechanism)) {
    throw usageFailure(`sasl.mechanism is ${mechanism || 'missing'}; it can be ${MECHANISMS.join(', ')}.`);
  }
  const entry = jaasEntry(properties.get('sasl.jaas.config'), mechanism);
  if (mechanism === 'OAUTHBEARER') {
    const file = /^file:\/\/(?:localhost)?(\/.*)$/.exec(
      properties.get('sasl.oauthbearer.token.endpoint.url') ?? '',
    )?.[1];
    if (file === undefined) {
      throw usageFailure('sasl.oauthbearer.token.endpoint.url must be file:///…, a file with the token.');
    }
    return tokenLogin(world, decodeURIComponent(file));
  }
  const user = entry?.get('username');
  const password = entry?.get('password');
  if (user === undefined || password === undefined) {
    throw usageFailure('sasl.jaas.config has no username="…" password="…".');
  }
  return { mechanism, user, password, isToken: entry?.get('tokenauth') === 'true' };
}

function jaasEntry(text: string | undefined, mechanism: string): ReadonlyMap<string, string> | undefined {
  const module =
    mechanism === 'PLAIN'
      ? PLAIN_LOGIN_MODULE
      : mechanism === 'OAUTHBEARER'
        ? OAUTHBEARER_LOGIN_MODULE
        : SCRAM_LOGIN_MODULE;
  if (text === undefined) return undefined;
  try {
    return parseJaas(text).find((entry) => entry.module === module)?.options;
  } catch (error) {
    throw usageFailure(`sasl.jaas.config cannot be read: ${(error as Error).message}.`);
  }
}

// ---- TLS

async function tlsOf(world: CommandWorld, options: SecurityOptions, properties: Properties): Promise<ClientTls> {
  const read = (path: string) => world.runtime.files.readFile(resolve(world.workingDirectory, path));
  try {
    const keyStore = await keyStoreOf(world, options, properties);
    return {
      identity: keyStore && (await loadIdentity(keyStore, read)),
      trusted: await loadTrusted(trustStoreOf(options, properties), read),
      checksName: (properties.get('ssl.endpoint.identification.algorithm') ?? 'https').trim() !== '',
    };
  } catch (error) {
    if (error instanceof TlsError) throw new CommandFailure(`${error.message}.`, 1, error);
    if (!(error instanceof FileError)) throw error;
    throw new CommandFailure(`${error.message}; name a readable file with certificates.`, 1, error);
  }
}

async function keyStoreOf(
  world: CommandWorld,
  { tlsCert, tlsKey }: SecurityOptions,
  properties: Properties,
): Promise<TlsSettings['keyStore'] | undefined> {
  const keyPassword = properties.get('ssl.key.password') ?? null;
  if (tlsCert !== undefined || tlsKey !== undefined) {
    if (tlsCert === undefined || tlsKey === undefined) throw usageFailure('--tls-cert and --tls-key go together.');
    const text = async (file: string) => (await readFile(world, file)).toString('utf8');
    return { kind: 'texts', key: await text(tlsKey), certificates: await text(tlsCert), keyPassword };
  }
  const key = properties.get('ssl.keystore.key');
  if (key !== undefined) {
    return { kind: 'texts', key, certificates: properties.get('ssl.keystore.certificate.chain') ?? '', keyPassword };
  }
  const path = properties.get('ssl.keystore.location');
  if (path === undefined) return undefined;
  return { kind: 'file', keyPassword, ...storeOf('ssl.keystore', path, properties) };
}

function trustStoreOf({ tlsCa }: SecurityOptions, properties: Properties): TlsSettings['trustStore'] {
  if (tlsCa !== undefined) return { kind: 'file', path: tlsCa, type: 'PEM', password: null };
  const certificates = properties.get('ssl.truststore.certificates');
  if (certificates !== undefined) return { kind: 'texts', certificates };
  const path = properties.get('ssl.truststore.location');
  return path === undefined ? null : { kind: 'file', ...storeOf('ssl.truststore', path, properties) };
}

function storeOf(name: string, path: string, properties: Properties) {
  const type = (properties.get(`${name}.type`) ?? 'JKS').toUpperCase();
  if (type !== 'PEM' && type !== 'PKCS12') {
    throw usageFailure(
      `${name}.type is ${type}; only PEM and PKCS12 are read: keytool -importkeystore … -deststoretype PKCS12 converts it.`,
    );
  }
  return { path, type, password: properties.get(`${name}.password`) ?? null } as const;
}

async function readFile(world: CommandWorld, file: string): Promise<Buffer> {
  try {
    return await world.runtime.files.readFile(resolve(world.workingDirectory, file));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new CommandFailure(`${file} cannot be read (${error.code}); name a readable file.`, 1, error);
  }
}
