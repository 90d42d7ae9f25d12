// Where to listen and what to advertise, out of Kafka's `listeners`, `advertised.listeners` and
// `listener.security.protocol.map`. Pure; every mistake is one sentence for the operator. Invariant: what comes out can be
// listened on as far as one can tell without trying (known security protocol, valid port, unique names).
import type { Endpoint } from '../metadata/image.ts';

export interface ListenerSettings {
  /** `PLAINTEXT://127.0.0.1:9092,OTHER://:9093`; an empty host listens on all interfaces, port 0 takes a free one. */
  readonly listeners: readonly string[];
  /** The same form; listeners without an entry answer with the address the client dialled. */
  readonly advertisedListeners: readonly string[];
  /** `NAME:PROTOCOL` entries; the four protocol names map to themselves unless the map says otherwise. */
  readonly listenerSecurityProtocolMap: readonly string[];
}

export class ListenerSettingsError extends Error {
  readonly code = 'INVALID_CONFIG';
  constructor(message: string) {
    super(message);
    this.name = 'ListenerSettingsError';
  }
}

const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];
const SUPPORTED_PROTOCOLS = ['PLAINTEXT'];

export function parseListeners(settings: ListenerSettings): Endpoint[] {
  const protocols = parseProtocolMap(settings.listenerSecurityProtocolMap);
  const endpoints = settings.listeners.map((entry) => parseEndpoint(entry, 'listeners', protocols));
  if (endpoints.length === 0) {
    throw new ListenerSettingsError('listeners must name at least one listener, such as PLAINTEXT://127.0.0.1:9092.');
  }
  refuseDuplicates(endpoints, 'listeners');
  for (const endpoint of endpoints) {
    if (!SUPPORTED_PROTOCOLS.includes(endpoint.securityProtocol)) {
      throw new ListenerSettingsError(
        `The listener ${endpoint.listener} uses ${endpoint.securityProtocol}, which this version cannot serve; use PLAINTEXT.`,
      );
    }
    const twin = endpoints.find(
      (other) => other !== endpoint && other.port !== 0 && other.port === endpoint.port && other.host === endpoint.host,
    );
    if (twin) {
      throw new ListenerSettingsError(`The listeners ${endpoint.listener} and ${twin.listener} have the same address.`);
    }
  }
  return endpoints;
}

/** What the broker registers in the metadata: only what was set. `boundPort` gives the port of a listener once it listens. */
export function parseAdvertisedListeners(
  settings: ListenerSettings,
  boundPort: (listener: string) => number | undefined,
): Endpoint[] {
  const protocols = parseProtocolMap(settings.listenerSecurityProtocolMap);
  const names = new Set(parseListeners(settings).map((endpoint) => endpoint.listener));
  const endpoints = settings.advertisedListeners.map((entry) =>
    parseEndpoint(entry, 'advertised.listeners', protocols),
  );
  refuseDuplicates(endpoints, 'advertised.listeners');
  return endpoints.map((endpoint) => {
    if (!names.has(endpoint.listener)) {
      throw new ListenerSettingsError(
        `advertised.listeners names ${endpoint.listener}, which is not in listeners (${[...names].join(', ')}).`,
      );
    }
    if (['', '0.0.0.0', '::'].includes(endpoint.host)) {
      throw new ListenerSettingsError(
        `advertised.listeners cannot use ${endpoint.host || 'an empty host'} for ${endpoint.listener}: clients cannot connect to it.`,
      );
    }
    return endpoint.port === 0 ? { ...endpoint, port: boundPort(endpoint.listener) ?? 0 } : endpoint;
  });
}

function parseProtocolMap(entries: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map(SECURITY_PROTOCOLS.map((name) => [name, name]));
  for (const entry of entries) {
    const [name = '', protocol = ''] = entry.split(':').map((part) => part.trim());
    if (name === '' || !SECURITY_PROTOCOLS.includes(protocol.toUpperCase())) {
      throw new ListenerSettingsError(
        `listener.security.protocol.map has ${JSON.stringify(entry)}; an entry is NAME:PROTOCOL with one of ${SECURITY_PROTOCOLS.join(', ')}.`,
      );
    }
    map.set(name.toUpperCase(), protocol.toUpperCase());
  }
  return map;
}

function parseEndpoint(entry: string, setting: string, protocols: ReadonlyMap<string, string>): Endpoint {
  const match = /^([A-Za-z0-9_-]+):\/\/(\[[0-9A-Fa-f:.%A-Za-z0-9]*\]|[^:/?#\s]*):(\d{1,5})$/.exec(entry.trim());
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new ListenerSettingsError(
      `${setting} has ${JSON.stringify(entry)}; a listener is NAME://host:port, such as PLAINTEXT://127.0.0.1:9092.`,
    );
  }
  const listener = match[1]!.toUpperCase();
  const securityProtocol = protocols.get(listener);
  if (securityProtocol === undefined) {
    throw new ListenerSettingsError(
      `${setting} names ${listener}, for which listener.security.protocol.map has no security protocol.`,
    );
  }
  const host = match[2]!.replace(/^\[|\]$/g, '');
  return { listener, securityProtocol, host, port };
}

function refuseDuplicates(endpoints: readonly Endpoint[], setting: string): void {
  const seen = new Set<string>();
  for (const { listener } of endpoints) {
    if (seen.has(listener)) {
      throw new ListenerSettingsError(`${setting} names ${listener} twice.`);
    }
    seen.add(listener);
  }
}
