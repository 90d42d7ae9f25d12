// Deciding about client quotas: which entities there can be, which values they can have, and what is stored.
// Refusals are Kafka's codes and sentences (ClientQuotaControlManager).
import { ErrorCode } from '../protocol/error-code.ts';
import { fold, quotaEntityKey } from './fold.ts';
import type { EntityQuotas, Image, Metadata, MetadataChange, QuotaEntity, QuotaEntityType } from './image.ts';
import { Refusal, refuse } from './refusal.ts';

export interface QuotaAlteration {
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[];
  readonly ops: readonly { readonly key: string; readonly value: number; readonly remove: boolean }[];
}

/** Entities with quotas there can be; each is kept in memory. */
const ENTITIES_MAX = 100_000;
const INT_MAX = 0x7fffffff;

type QuotaKind = 'int' | 'long' | 'double';
const USER_AND_CLIENT_KEYS: Readonly<Record<string, QuotaKind>> = {
  producer_byte_rate: 'long',
  consumer_byte_rate: 'long',
  request_percentage: 'double',
  controller_mutation_rate: 'double',
};
const IP_KEYS: Readonly<Record<string, QuotaKind>> = { connection_creation_rate: 'int' };

export class ClientQuotas {
  readonly #metadata: Metadata;

  constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  /** One outcome per entry: undefined when it is in force (or would be, with `validateOnly`). */
  async alter(entries: readonly QuotaAlteration[], validateOnly: boolean): Promise<(Refusal | undefined)[]> {
    let outcomes: (Refusal | undefined)[] = [];
    const decide = (newest: Image): readonly MetadataChange[] => {
      let image = newest;
      const changes: MetadataChange[] = [];
      outcomes = entries.map((entry) => {
        try {
          const own = changesOf(entry, image);
          image = fold(image, own, image.version);
          changes.push(...own);
          return undefined;
        } catch (error) {
          if (error instanceof Refusal) return error;
          throw error;
        }
      });
      return changes;
    };
    if (validateOnly) decide(this.#metadata.image);
    else await this.#metadata.commit(decide);
    return outcomes;
  }

  all(): Iterable<EntityQuotas> {
    return this.#metadata.image.clientQuotas.values();
  }
}

function changesOf({ entity: parts, ops }: QuotaAlteration, image: Image): MetadataChange[] {
  const entity = entityOf(parts);
  const keys = 'ip' in entity ? IP_KEYS : USER_AND_CLIENT_KEYS;
  for (const { key, value, remove } of ops) {
    const kind = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (kind === undefined) refuse(ErrorCode.INVALID_REQUEST, `Invalid configuration key ${key}`);
    if (!remove) checkValue(key, value, kind);
  }
  const isNew = !image.clientQuotas.has(quotaEntityKey(entity));
  if (isNew && image.clientQuotas.size >= ENTITIES_MAX) {
    refuse(ErrorCode.POLICY_VIOLATION, `There can be ${ENTITIES_MAX} entities with quotas.`);
  }
  return ops.map(({ key, value, remove }) => ({
    type: 'client-quota-set',
    entity,
    key,
    value: remove ? null : value,
  }));
}

function entityOf(parts: QuotaAlteration['entity']): QuotaEntity {
  const entity: Partial<Record<QuotaEntityType, string | null>> = {};
  if (parts.length === 0) refuse(ErrorCode.INVALID_REQUEST, 'Invalid empty client quota entity');
  for (const { entityType, entityName } of parts) {
    if (entityType !== 'user' && entityType !== 'client-id' && entityType !== 'ip') {
      refuse(ErrorCode.INVALID_REQUEST, `Unhandled client quota entity type: ${entityType}`);
    }
    if (entityType in entity) {
      refuse(ErrorCode.INVALID_REQUEST, `Duplicate client quota entity type: ${entityType}`);
    }
    if (entityName === '') refuse(ErrorCode.INVALID_REQUEST, `Empty ${entityType} not supported`);
    if (entityType === 'ip' && entityName !== null && !isAddress(entityName)) {
      refuse(ErrorCode.INVALID_REQUEST, `${entityName} is not a valid IP or resolvable host.`);
    }
    entity[entityType] = entityName;
  }
  if ('ip' in entity && parts.length > 1) {
    refuse(
      ErrorCode.INVALID_REQUEST,
      `Invalid quota entity combination, IP entity should not be combined with User or ClientId`,
    );
  }
  return entity;
}

function checkValue(key: string, value: number, kind: QuotaKind): void {
  if (Number.isNaN(value) || value <= 0) {
    const mayBeZero = key === 'connection_creation_rate' && value === 0;
    if (!mayBeZero) refuse(ErrorCode.INVALID_REQUEST, `Quota ${key} must be greater than 0`);
  }
  if (kind !== 'double' && !Number.isInteger(value)) {
    refuse(ErrorCode.INVALID_REQUEST, `${key} cannot be a fractional value.`);
  }
  if (kind === 'int' && value > INT_MAX) {
    refuse(ErrorCode.INVALID_REQUEST, `Proposed value for ${key} is too large for an INT.`);
  }
}

function isAddress(text: string): boolean {
  const isV4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);
  return isV4 || /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(text);
}
