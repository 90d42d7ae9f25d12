// Who sent a request, as groups remember their members.
import type { MemberContext } from '../group/machine.ts';
import type { RequestContext } from './api.ts';

export function memberContext({ clientId, connection, apiVersion }: RequestContext): MemberContext {
  // Java prints an address without a host name like this; an IPv4 address in IPv6 clothes is one.
  const address = connection.remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
  return { clientId: clientId ?? '', clientHost: `/${address}`, apiVersion };
}
