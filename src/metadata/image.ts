// What the cluster knows, as an immutable value: topics, partitions, configs, brokers, reserved producer ids, and who may do
// what and how much of it.
// An image is folded from numbered commits (metadata-log.ts); every change makes a new image that shares what did not change.

export interface Image {
  /** The number of the last commit folded in; 0 before the first. */
  readonly version: number;
  /** Unpadded url-safe base64, as Kafka prints it; made with the first commit. */
  readonly clusterId: string;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly topics: ReadonlyMap<string, TopicImage>;
  readonly topicsById: ReadonlyMap<string, TopicImage>;
  /** Overrides only, by resource: `topic:<name>`, `broker:<id>`, `broker:` (cluster-wide default), `group:<id>`, `client-metrics:<name>`. */
  readonly configs: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Producer ids below this were handed to some broker in a block and are never given out again. */
  readonly nextProducerId: number;
  /** By id. */
  readonly acls: ReadonlyMap<string, Acl>;
  /** By `scramKey`. */
  readonly scramCredentials: ReadonlyMap<string, StoredScramCredential>;
  /** By token id. */
  readonly delegationTokens: ReadonlyMap<string, DelegationToken>;
  /** By `quotaEntityKey`; entities without quotas are left out. */
  readonly clientQuotas: ReadonlyMap<string, EntityQuotas>;
}

export interface BrokerImage {
  readonly id: number;
  readonly rack: string | null;
  /** Listener name → advertised address; empty while only the dialled address is known. */
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly listener: string;
  readonly securityProtocol: string;
  readonly host: string;
  readonly port: number;
}

export interface TopicImage {
  readonly name: string;
  /** Unpadded url-safe base64 of 16 bytes. */
  readonly id: string;
  readonly internal: boolean;
  /** Index = partition number. */
  readonly partitions: readonly PartitionImage[];
}

export interface PartitionImage {
  readonly leader: number;
  /** Rises at every unclean start of the leader, and with every change of leader. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** An entry of the access control list; numbers are Kafka's (protocol/acl-codes.ts). */
export interface Acl {
  readonly id: string;
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  /** `User:alice`; `User:*` is everybody. */
  readonly principal: string;
  /** An address, or `*`. */
  readonly host: string;
  readonly operation: number;
  readonly permission: number;
}

/** What checks a SCRAM login, as base64; the password cannot be computed from it, but can be guessed against it. */
export interface StoredScramCredential {
  readonly user: string;
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly salt: string;
  readonly storedKey: string;
  readonly serverKey: string;
  readonly iterations: number;
}

/** Principals as `User:alice`. The secret of a token follows from its id and delegation.token.secret.key. */
export interface DelegationToken {
  readonly id: string;
  readonly owner: string;
  readonly requester: string;
  readonly renewers: readonly string[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

export type QuotaEntityType = 'user' | 'client-id' | 'ip';
/** A name, or null for the default of the type. */
export type QuotaEntity = Readonly<Partial<Record<QuotaEntityType, string | null>>>;

export interface EntityQuotas {
  readonly entity: QuotaEntity;
  readonly quotas: ReadonlyMap<string, number>;
}

/** Commits are lists of these, as JSON; folding is total: an unknown `type` is refused (a newer format). */
export type MetadataChange =
  | { readonly type: 'cluster-created'; readonly clusterId: string }
  | { readonly type: 'broker-registered'; readonly broker: BrokerImage }
  | { readonly type: 'broker-unregistered'; readonly brokerId: number }
  | {
      readonly type: 'topic-created';
      readonly name: string;
      readonly id: string;
      readonly internal: boolean;
      readonly partitions: readonly PartitionImage[];
    }
  | { readonly type: 'topic-deleted'; readonly id: string }
  | { readonly type: 'partitions-added'; readonly topicId: string; readonly partitions: readonly PartitionImage[] }
  /** The leader restarted without a clean stop: the epochs of all it leads rise by one. */
  | { readonly type: 'leader-epochs-raised'; readonly brokerId: number }
  /** value null removes the override. */
  | { readonly type: 'config-set'; readonly resource: string; readonly name: string; readonly value: string | null }
  | { readonly type: 'producer-ids-reserved'; readonly next: number }
  | { readonly type: 'acl-created'; readonly acl: Acl }
  | { readonly type: 'acl-deleted'; readonly id: string }
  | { readonly type: 'scram-credential-set'; readonly credential: StoredScramCredential }
  | {
      readonly type: 'scram-credential-deleted';
      readonly user: string;
      readonly mechanism: StoredScramCredential['mechanism'];
    }
  /** Created, renewed, or given another end. */
  | { readonly type: 'delegation-token-set'; readonly token: DelegationToken }
  | { readonly type: 'delegation-token-deleted'; readonly id: string }
  /** value null removes the quota. */
  | {
      readonly type: 'client-quota-set';
      readonly entity: QuotaEntity;
      readonly key: string;
      readonly value: number | null;
    };

/** The image and the one way to change it. */
export interface Metadata {
  readonly image: Image;
  /**
   * Commits the changes that `decide` returns for the newest image; when another commit won the number, the image is
   * re-read and `decide` is asked again. `decide` returning [] commits nothing. What it throws, commit throws. Resolves when durable and
   * after every listener of `onChange` was called (listeners are synchronous).
   */
  commit(decide: (image: Image) => readonly MetadataChange[]): Promise<Image>;
  onChange(listener: (image: Image, before: Image) => void): void;
}
