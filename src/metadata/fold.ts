// image + changes → image. The only code that says what a change means; pure. Maps that no change touches are shared.
import assert from 'node:assert';
import type {
  Acl,
  BrokerImage,
  DelegationToken,
  EntityQuotas,
  Image,
  MetadataChange,
  QuotaEntity,
  StoredScramCredential,
  TopicImage,
} from './image.ts';
import { MetadataError } from './metadata-error.ts';
import { type MapDraft, PersistentMap } from './persistent-map.ts';

export type ConfigOverrides = ReadonlyMap<string, string>;

/** An Image whose maps are known to be persistent ones. */
interface FoldedImage extends Image {
  readonly brokers: PersistentMap<number, BrokerImage>;
  readonly topics: PersistentMap<string, TopicImage>;
  readonly topicsById: PersistentMap<string, TopicImage>;
  readonly configs: PersistentMap<string, ConfigOverrides>;
  readonly acls: PersistentMap<string, Acl>;
  readonly scramCredentials: PersistentMap<string, StoredScramCredential>;
  readonly delegationTokens: PersistentMap<string, DelegationToken>;
  readonly clientQuotas: PersistentMap<string, EntityQuotas>;
}

export function emptyImage(): Image {
  const empty: FoldedImage = {
    version: 0,
    clusterId: '',
    brokers: new PersistentMap(),
    topics: new PersistentMap(),
    topicsById: new PersistentMap(),
    configs: new PersistentMap(),
    nextProducerId: 0,
    acls: new PersistentMap(),
    scramCredentials: new PersistentMap(),
    delegationTokens: new PersistentMap(),
    clientQuotas: new PersistentMap(),
  };
  return empty;
}

/** Throws MetadataError when a change does not fit the image or is of an unknown type. */
export function fold(image: Image, changes: readonly MetadataChange[], version: number): Image {
  const draft = new ImageDraft(image as FoldedImage);
  for (const change of changes) draft.apply(change);
  return draft.finish(version);
}

/** Config resources whose overrides differ between two folded images. */
export function changedConfigResources(image: Image, before: Image): Iterable<string> {
  assert(image.configs instanceof PersistentMap && before.configs instanceof PersistentMap);
  return (image as FoldedImage).configs.changedSince((before as FoldedImage).configs);
}

export function topicResource(name: string): string {
  return `topic:${name}`;
}

export function scramKey(user: string, mechanism: StoredScramCredential['mechanism']): string {
  return `${mechanism}:${user}`;
}

/** The same for entities that say the same, whatever the order of their parts. */
export function quotaEntityKey(entity: QuotaEntity): string {
  return JSON.stringify([entity.user, entity['client-id'], entity.ip].map((name) => (name === undefined ? 0 : name)));
}

class ImageDraft {
  #clusterId: string;
  #nextProducerId: number;
  readonly #brokers: MapDraft<number, BrokerImage>;
  readonly #topics: MapDraft<string, TopicImage>;
  readonly #topicsById: MapDraft<string, TopicImage>;
  readonly #configs: MapDraft<string, ConfigOverrides>;
  readonly #acls: MapDraft<string, Acl>;
  readonly #scramCredentials: MapDraft<string, StoredScramCredential>;
  readonly #delegationTokens: MapDraft<string, DelegationToken>;
  readonly #clientQuotas: MapDraft<string, EntityQuotas>;

  constructor(image: FoldedImage) {
    this.#clusterId = image.clusterId;
    this.#nextProducerId = image.nextProducerId;
    this.#brokers = image.brokers.draft();
    this.#topics = image.topics.draft();
    this.#topicsById = image.topicsById.draft();
    this.#configs = image.configs.draft();
    this.#acls = image.acls.draft();
    this.#scramCredentials = image.scramCredentials.draft();
    this.#delegationTokens = image.delegationTokens.draft();
    this.#clientQuotas = image.clientQuotas.draft();
  }

  apply(change: MetadataChange): void {
    switch (change.type) {
      case 'cluster-created':
        this.#clusterId = change.clusterId;
        break;
      case 'broker-registered':
        this.#brokers.set(change.broker.id, change.broker);
        break;
      case 'broker-unregistered':
        this.#brokers.delete(change.brokerId);
        break;
      case 'topic-created': {
        if (this.#topics.get(change.name) !== undefined) misfit(`topic ${change.name} was created twice`);
        const { name, id, internal, partitions } = change;
        this.#setTopic({ name, id, internal, partitions });
        break;
      }
      case 'topic-deleted': {
        const topic = this.#topic(change.id);
        this.#topics.delete(topic.name);
        this.#topicsById.delete(topic.id);
        this.#configs.delete(topicResource(topic.name));
        break;
      }
      case 'partitions-added': {
        const topic = this.#topic(change.topicId);
        this.#setTopic({ ...topic, partitions: [...topic.partitions, ...change.partitions] });
        break;
      }
      case 'leader-epochs-raised':
        for (const topic of this.#topics.values()) this.#raiseEpochs(topic, change.brokerId);
        break;
      case 'config-set':
        this.#setConfig(change.resource, change.name, change.value);
        break;
      case 'producer-ids-reserved':
        this.#nextProducerId = change.next;
        break;
      case 'acl-created':
        this.#acls.set(change.acl.id, change.acl);
        break;
      case 'acl-deleted':
        this.#acls.delete(change.id);
        break;
      case 'scram-credential-set':
        this.#scramCredentials.set(scramKey(change.credential.user, change.credential.mechanism), change.credential);
        break;
      case 'scram-credential-deleted':
        this.#scramCredentials.delete(scramKey(change.user, change.mechanism));
        break;
      case 'delegation-token-set':
        this.#delegationTokens.set(change.token.id, change.token);
        break;
      case 'delegation-token-deleted':
        this.#delegationTokens.delete(change.id);
        break;
      case 'client-quota-set':
        this.#setQuota(change.entity, change.key, change.value);
        break;
      default:
        throw new MetadataError(
          'NEWER_FORMAT',
          `Metadata holds a change of type "${String((change as { type: unknown }).type)}", which this version does not know; start the version of Ottla that wrote it.`,
        );
    }
  }

  finish(version: number): Image {
    const finished: FoldedImage = {
      version,
      clusterId: this.#clusterId,
      brokers: this.#brokers.finish(),
      topics: this.#topics.finish(),
      topicsById: this.#topicsById.finish(),
      configs: this.#configs.finish(),
      nextProducerId: this.#nextProducerId,
      acls: this.#acls.finish(),
      scramCredentials: this.#scramCredentials.finish(),
      delegationTokens: this.#delegationTokens.finish(),
      clientQuotas: this.#clientQuotas.finish(),
    };
    return finished;
  }

  #topic(id: string): TopicImage {
    return this.#topicsById.get(id) ?? misfit(`there is no topic with id ${id}`);
  }

  #setTopic(topic: TopicImage): void {
    this.#topics.set(topic.name, topic);
    this.#topicsById.set(topic.id, topic);
  }

  #raiseEpochs(topic: TopicImage, brokerId: number): void {
    if (!topic.partitions.some((partition) => partition.leader === brokerId)) return;
    const partitions = topic.partitions.map((partition) =>
      partition.leader === brokerId ? { ...partition, leaderEpoch: partition.leaderEpoch + 1 } : partition,
    );
    this.#setTopic({ ...topic, partitions });
  }

  #setConfig(resource: string, name: string, value: string | null): void {
    const overrides = new Map(this.#configs.get(resource));
    if (value === null) overrides.delete(name);
    else overrides.set(name, value);
    if (overrides.size === 0) this.#configs.delete(resource);
    else this.#configs.set(resource, overrides);
  }

  #setQuota(entity: QuotaEntity, key: string, value: number | null): void {
    const entityKey = quotaEntityKey(entity);
    const quotas = new Map(this.#clientQuotas.get(entityKey)?.quotas);
    if (value === null) quotas.delete(key);
    else quotas.set(key, value);
    if (quotas.size === 0) this.#clientQuotas.delete(entityKey);
    else this.#clientQuotas.set(entityKey, { entity, quotas });
  }
}

function misfit(what: string): never {
  throw new MetadataError('DAMAGED', `A metadata change does not fit what came before it: ${what}.`);
}
