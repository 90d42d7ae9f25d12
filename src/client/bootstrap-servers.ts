// `host:port,host:port` as every Kafka client takes it.
import { ClientError } from './client-error.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** IPv6 addresses stand in brackets; a missing port is 9092. Throws INVALID_ARGUMENT. */
export function parseBootstrapServers(servers: string | readonly string[]): Address[] {
  const entries = (typeof servers === 'string' ? servers.split(',') : servers)
    .map((entry) => entry.trim())
    .filter(Boolean);
  if (entries.length === 0) {
    throw new ClientError('INVALID_ARGUMENT', 'no bootstrap server is given; use host:port, such as 127.0.0.1:9092');
  }
  return entries.map(parseAddress);
}

function parseAddress(entry: string): Address {
  const match = /^(?:[A-Za-z0-9_-]+:\/\/)?(?:\[([^\]\s]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(entry);
  const port = Number(match?.[3] ?? 9092);
  if (!match || port < 1 || port > 65_535) {
    throw new ClientError('INVALID_ARGUMENT', `${JSON.stringify(entry)} is not a bootstrap server; use host:port`);
  }
  return { host: (match[1] ?? match[2])!, port };
}
