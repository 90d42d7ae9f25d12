// Deciding about access control entries: create, find, delete. Every decision is a function of the newest image, taken inside
// Metadata.commit; refusals are Kafka's codes and sentences (AclControlManager). An entry that exists is created once.
import { AclOperation, nameOfCode, PatternType, Permission, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Random } from '../runtime/runtime.ts';
import type { Acl, Image, Metadata, MetadataChange } from './image.ts';
import { randomId } from './random-id.ts';
import { Refusal } from './refusal.ts';

/** Entries there can be: each is looked at when the list is put in order. */
export const ACLS_MAX = 100_000;

export type AclBinding = Omit<Acl, 'id'>;

/** null and ANY match everything; pattern type MATCH finds every entry that would speak about the name. */
export interface AclFilter {
  readonly resourceType: number;
  readonly resourceName: string | null;
  readonly patternType: number;
  readonly principal: string | null;
  readonly host: string | null;
  readonly operation: number;
  readonly permission: number;
}

export class Acls {
  readonly #metadata: Metadata;
  readonly #random: Random;

  constructor(metadata: Metadata, random: Random) {
    this.#metadata = metadata;
    this.#random = random;
  }

  /** One outcome per binding, in order: undefined when the entry exists now. */
  async create(bindings: readonly AclBinding[]): Promise<(Refusal | undefined)[]> {
    const outcomes = bindings.map(objectionTo);
    const valid = bindings.filter((_, index) => outcomes[index] === undefined);
    let isFull = false;
    await this.#metadata.commit((image) => {
      const known = new Set([...image.acls.values()].map(bindingKey));
      const changes: MetadataChange[] = [];
      for (const binding of valid) {
        if (known.has(bindingKey(binding))) continue;
        known.add(bindingKey(binding));
        changes.push({ type: 'acl-created', acl: { id: randomId(this.#random), ...onlyBinding(binding) } });
      }
      isFull = image.acls.size + changes.length > ACLS_MAX;
      return isFull ? [] : changes;
    });
    const full = new Refusal(ErrorCode.POLICY_VIOLATION, `There can be ${ACLS_MAX} access control entries.`);
    return isFull ? outcomes.map((outcome) => outcome ?? full) : outcomes;
  }

  /** What was deleted by each filter; an entry that two filters match belongs to the first. */
  async delete(filters: readonly AclFilter[]): Promise<(readonly Acl[] | Refusal)[]> {
    const objections = filters.map(filterObjection);
    let outcomes: (readonly Acl[] | Refusal)[] = [];
    await this.#metadata.commit((image) => {
      const gone = new Set<string>();
      outcomes = filters.map((filter, index) => {
        const objection = objections[index];
        if (objection) return objection;
        const found = matching(image, filter).filter(({ id }) => !gone.has(id));
        for (const { id } of found) gone.add(id);
        return found;
      });
      return [...gone].map((id): MetadataChange => ({ type: 'acl-deleted', id }));
    });
    return outcomes;
  }

  matching(filter: AclFilter): readonly Acl[] {
    return matching(this.#metadata.image, filter);
  }
}

function matching(image: Image, filter: AclFilter): readonly Acl[] {
  return [...image.acls.values()].filter((acl) => matches(filter, acl));
}

function matches(filter: AclFilter, acl: Acl): boolean {
  const isAny = (wanted: number, code: number) => wanted === 1 || wanted === code;
  return (
    isAny(filter.resourceType, acl.resourceType) &&
    isAny(filter.operation, acl.operation) &&
    isAny(filter.permission, acl.permission) &&
    (filter.principal === null || filter.principal === acl.principal) &&
    (filter.host === null || filter.host === acl.host) &&
    matchesPattern(filter, acl)
  );
}

function matchesPattern({ resourceName, patternType }: AclFilter, acl: Acl): boolean {
  if (patternType !== PatternType.ANY && patternType !== PatternType.MATCH && patternType !== acl.patternType)
    return false;
  if (resourceName === null) return true;
  if (patternType !== PatternType.MATCH) return resourceName === acl.resourceName;
  return acl.patternType === PatternType.PREFIXED
    ? resourceName.startsWith(acl.resourceName)
    : acl.resourceName === resourceName || acl.resourceName === '*';
}

function objectionTo(binding: AclBinding): Refusal | undefined {
  const { resourceType, resourceName, patternType, principal, operation, permission } = binding;
  const invalid = (what: string) => new Refusal(ErrorCode.INVALID_REQUEST, what);
  if (resourceType < ResourceType.TOPIC || resourceType > ResourceType.USER) {
    return invalid(`Invalid resourceType ${nameOfCode(ResourceType, resourceType)}`);
  }
  if (patternType !== PatternType.LITERAL && patternType !== PatternType.PREFIXED) {
    return invalid(`Invalid patternType ${nameOfCode(PatternType, patternType)}`);
  }
  if (operation < AclOperation.ALL || operation > AclOperation.TWO_PHASE_COMMIT) {
    return invalid(`Invalid operation ${nameOfCode(AclOperation, operation)}`);
  }
  if (permission !== Permission.DENY && permission !== Permission.ALLOW) {
    return invalid(`Invalid permissionType ${nameOfCode(Permission, permission)}`);
  }
  if (resourceName === '') return invalid('Resource name should not be empty');
  if (!/^[^:]+:./.test(principal)) {
    return invalid(`expected a string in format principalType:principalName but got ${principal}`);
  }
  return undefined;
}

function filterObjection(filter: AclFilter): Refusal | undefined {
  const isUnknown = filter.resourceType > ResourceType.USER || filter.resourceType < ResourceType.ANY;
  if (isUnknown) return new Refusal(ErrorCode.INVALID_REQUEST, 'Unknown resourceType in filter.');
  if (filter.patternType > PatternType.PREFIXED || filter.patternType < PatternType.ANY) {
    return new Refusal(ErrorCode.INVALID_REQUEST, 'Unknown patternType in filter.');
  }
  if (filter.operation > AclOperation.TWO_PHASE_COMMIT || filter.operation < AclOperation.ANY) {
    return new Refusal(ErrorCode.INVALID_REQUEST, 'Unknown operation in filter.');
  }
  if (filter.permission > Permission.ALLOW || filter.permission < Permission.ANY) {
    return new Refusal(ErrorCode.INVALID_REQUEST, 'Unknown permissionType in filter.');
  }
  return undefined;
}

function onlyBinding(binding: AclBinding): AclBinding {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = binding;
  return { resourceType, resourceName, patternType, principal, host, operation, permission };
}

function bindingKey(acl: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = acl;
  return JSON.stringify([resourceType, resourceName, patternType, principal, host, operation, permission]);
}
