// listeners, advertised.listeners and listener.security.protocol.map → where to listen and what to tell clients.
import type { BrokerConfig } from '../metadata/configs/broker-definitions.ts';
import { splitList } from '../metadata/configs/parse-value.ts';
import type { SecurityProtocol } from '../security/security-settings.ts';

const PROTOCOLS: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

export interface ListenerSetting {
  /** Upper case, as Kafka keeps it. */
  readonly name: string;
  readonly securityProtocol: SecurityProtocol;
  /** '' is every interface. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Appends what is wrong to `problems` and what is left out to `warnings`. */
export function readListeners(
  broker: BrokerConfig,
  given: ReadonlyMap<string, string>,
  controllerListenerNames: string,
  problems: string[],
  warnings: string[],
): { listeners: ListenerSetting[]; advertisedListeners: ListenerSetting[] } {
  const protocols = readProtocolMap(broker.listenerSecurityProtocolMap, problems);
  const controllers = new Set(splitList(controllerListenerNames).map((name) => name.toUpperCase()));
  const read = (setting: string, texts: readonly string[]): ListenerSetting[] => {
    const read = texts.map((text) => readOne(setting, text, protocols, controllers, problems));
    return read.filter((each) => each !== undefined);
  };

  const listeners = read('listeners', broker.listeners);
  const advertisedListeners = read('advertised.listeners', broker.advertisedListeners ?? []);
  if (problems.length > 0) return { listeners, advertisedListeners };
  if (listeners.length < broker.listeners.length) {
    warnings.push(`The listener ${[...controllers].join(', ')} is not opened: there is no controller.`);
  }
  if (listeners.length === 0)
    problems.push('listeners names no address to listen on, for example PLAINTEXT://127.0.0.1:9092.');
  checkNames('listeners', listeners, problems);
  checkNames('advertised.listeners', advertisedListeners, problems);
  for (const each of advertisedListeners) {
    if (!listeners.some((listener) => listener.name === each.name)) {
      problems.push(`advertised.listeners has ${each.name}, which listeners does not have.`);
    }
    if (each.host === '' || each.host === '0.0.0.0' || each.host === '::') {
      problems.push(
        `advertised.listeners has the address ${each.name}://${each.host}:${each.port}, which no client can dial; name a host.`,
      );
    }
  }
  // Without a setting, the default advertises nothing: clients are told the address they dialled.
  return { listeners, advertisedListeners: given.has('advertised.listeners') ? advertisedListeners : [] };
}

function readProtocolMap(text: string, problems: string[]): Map<string, string> {
  const protocols = new Map<string, string>();
  for (const pair of splitList(text)) {
    const [name, protocol, ...rest] = pair.split(':');
    if (!name || !protocol || rest.length > 0) {
      problems.push(`listener.security.protocol.map has "${pair}", which is not name:protocol.`);
    } else protocols.set(name.trim().toUpperCase(), protocol.trim().toUpperCase());
  }
  return protocols;
}

function readOne(
  setting: string,
  text: string,
  protocols: ReadonlyMap<string, string>,
  controllers: ReadonlySet<string>,
  problems: string[],
): ListenerSetting | undefined {
  const parts = /^([A-Za-z0-9_-]+):\/\/(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(parts?.[4]);
  if (!parts || port > 65535) {
    problems.push(`${setting} has "${text}", which is not name://host:port, for example PLAINTEXT://127.0.0.1:9092.`);
    return undefined;
  }
  const name = (parts[1] as string).toUpperCase();
  if (controllers.has(name)) return undefined;
  const protocol = protocols.get(name);
  if (protocol === undefined) {
    problems.push(`${setting} has the listener ${name}, which listener.security.protocol.map does not know.`);
    return undefined;
  }
  if (!PROTOCOLS.includes(protocol)) {
    problems.push(`The listener ${name} asks for ${protocol}; the protocols are ${PROTOCOLS.join(', ')}.`);
    return undefined;
  }
  return { name, securityProtocol: protocol as SecurityProtocol, host: parts[2] ?? parts[3] ?? '', port };
}

function checkNames(setting: string, listeners: readonly ListenerSetting[], problems: string[]): void {
  const names = listeners.map((each) => each.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) problems.push(`${setting} has the listener ${twice} twice.`);
}
