// What configs belong to: Kafka's resource types, and the names under which the image keeps overrides.

export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const;

export interface ConfigResource {
  /** As on the wire; may be any number. */
  readonly type: number;
  readonly name: string;
}

/** The key of a resource in Image.configs; undefined for types without stored configs. */
export function resourceKeyOf({ type, name }: ConfigResource): string | undefined {
  switch (type) {
    case ResourceType.TOPIC:
      return `topic:${name}`;
    case ResourceType.BROKER:
      return `broker:${name}`;
    case ResourceType.GROUP:
      return `group:${name}`;
    case ResourceType.CLIENT_METRICS:
      return `client-metrics:${name}`;
    default:
      return undefined;
  }
}
