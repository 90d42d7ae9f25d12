// The address a client is told for a broker, decided in this one place for Metadata, FindCoordinator, DescribeCluster
// and the leader hints of Produce and Fetch (KIP-951). A broker that advertises an address for the client's listener is
// given as advertised; this broker without one is given as the address the client dialled, so that nobody has to know
// `advertised.listeners` while there is no address translation in between. The socket's own address is never a wildcard,
// and IPv4-mapped IPv6 was normalised by the network.
import type { BrokerImage, Image } from '../metadata/image.ts';
import type { ConnectionInfo } from './api.ts';

/** What the rule looks at; RequestContext.connection is one. */
export type DialledAddress = Pick<ConnectionInfo, 'listener' | 'localAddress' | 'localPort'>;

export interface BrokerEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** Undefined when the broker cannot be reached through this listener. */
export function brokerEndpoint(
  image: Image,
  nodeId: number,
  selfId: number,
  dialled: DialledAddress,
): BrokerEndpoint | undefined {
  const broker = image.brokers.get(nodeId);
  const rack = broker?.rack ?? null;
  const advertised = broker && advertisedEndpoint(broker, dialled.listener);
  if (advertised) {
    return { nodeId, host: advertised.host, port: advertised.port, rack };
  }
  if (nodeId === selfId) {
    return { nodeId, host: dialled.localAddress, port: dialled.localPort, rack };
  }
  return undefined;
}

/** All brokers that a client of this listener can reach, in order of their id; this one is always among them. */
export function brokerEndpoints(image: Image, selfId: number, dialled: DialledAddress): BrokerEndpoint[] {
  const ids = new Set([...image.brokers.keys(), selfId]);
  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => brokerEndpoint(image, id, selfId, dialled))
    .filter((endpoint) => endpoint !== undefined);
}

function advertisedEndpoint(broker: BrokerImage, listener: string): { host: string; port: number } | undefined {
  return broker.endpoints.find((endpoint) => endpoint.listener === listener);
}
