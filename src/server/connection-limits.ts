// How many connections may be open, together and from one address (max.connections, max.connections.per.ip and its
// overrides). Deviation: at max.connections Kafka stops accepting until one closes; here the newcomer is closed at once,
// so that a client finds out instead of hanging.

export interface ConnectionLimitSettings {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  /** `address:count,address:count`; IPv6 addresses may stand in brackets. */
  readonly maxConnectionsPerIpOverrides: string;
}

export class ConnectionLimits {
  readonly #settings: () => ConnectionLimitSettings;
  readonly #byAddress = new Map<string, number>();
  #count = 0;
  #overridesText = '';
  #overrides: ReadonlyMap<string, number> = new Map();

  constructor(settings: () => ConnectionLimitSettings) {
    this.#settings = settings;
  }

  get count(): number {
    return this.#count;
  }

  /** Counts the connection, or says in a sentence why it may not stay. */
  open(address: string): string | undefined {
    const settings = this.#settings();
    if (this.#count >= settings.maxConnections) {
      return `max.connections=${settings.maxConnections} are open`;
    }
    const limit = this.#limitOf(address, settings);
    const open = this.#byAddress.get(address) ?? 0;
    if (open >= limit) {
      return `${limit} connections are open from this address (max.connections.per.ip)`;
    }
    this.#byAddress.set(address, open + 1);
    this.#count += 1;
    return undefined;
  }

  /** A connection that was counted is gone. */
  closed(address: string): void {
    const open = this.#byAddress.get(address) ?? 0;
    if (open <= 1) {
      this.#byAddress.delete(address);
    } else {
      this.#byAddress.set(address, open - 1);
    }
    this.#count -= 1;
  }

  #limitOf(address: string, settings: ConnectionLimitSettings): number {
    if (settings.maxConnectionsPerIpOverrides !== this.#overridesText) {
      this.#overridesText = settings.maxConnectionsPerIpOverrides;
      this.#overrides = parseOverrides(this.#overridesText);
    }
    return this.#overrides.get(address) ?? settings.maxConnectionsPerIp;
  }
}

/** Entries that are no `address:count` are passed over; the settings have checked them. */
function parseOverrides(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>();
  for (const entry of text.split(',')) {
    const match = /^\s*\[?(.+?)\]?\s*:\s*(\d+)\s*$/.exec(entry);
    if (match) {
      overrides.set(match[1]!.toLowerCase(), Number(match[2]));
    }
  }
  return overrides;
}
