// Which entry of an access control list speaks about a request, and what all of them together say. Pure; the rules are those
// of Kafka's StandardAuthorizer: deny wins over allow, whatever the pattern; allowing something implies describing it;
// a resource that no entry names at all is open only when `allow.everyone.if.no.acl.found` says so.
//
// Entries are kept by resource type, pattern and name. A lookup asks for the name, for `*` and for as many prefixes of the
// name as prefixes of that length exist, so its cost does not grow with the number of entries about other resources.
import type { Acl } from '../metadata/image.ts';
import { AclOperation, PatternType, Permission } from '../protocol/acl-codes.ts';

export type Verdict = 'allowed' | 'denied' | 'no-acl';

const WILDCARD = '*';
const EVERY_USER = 'User:*';
const EVERY_HOST = '*';

const IMPLIES_DESCRIBE: readonly number[] = [
  AclOperation.DESCRIBE,
  AclOperation.READ,
  AclOperation.WRITE,
  AclOperation.DELETE,
  AclOperation.ALTER,
];
const IMPLIES_DESCRIBE_CONFIGS: readonly number[] = [AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS];

interface OfType {
  readonly literal: Map<string, Acl[]>;
  readonly prefixed: Map<string, Acl[]>;
  /** Lengths of the prefixes that exist. */
  readonly prefixLengths: Set<number>;
}

export class AclRules {
  readonly #byType = new Map<number, OfType>();

  constructor(acls: Iterable<Acl>) {
    for (const acl of acls) this.#add(acl);
  }

  /** What the entries say about `principal` (as `User:alice`) at `host` doing `operation` to one resource. */
  verdict(principal: string, host: string, operation: number, resourceType: number, resourceName: string): Verdict {
    let isNamed = false;
    let isAllowed = false;
    for (const entries of this.#about(resourceType, resourceName)) {
      for (const acl of entries) {
        isNamed = true;
        if (!concerns(acl, principal, host) || !covers(acl, operation)) continue;
        if (acl.permission === Permission.DENY) return 'denied';
        isAllowed = true;
      }
    }
    if (isAllowed) return 'allowed';
    return isNamed ? 'denied' : 'no-acl';
  }

  /** Whether some resource of the type may be `operation`-ed: an allowed pattern that no denied one covers. */
  allowsSome(principal: string, host: string, operation: number, resourceType: number): boolean {
    const ofType = this.#byType.get(resourceType);
    if (!ofType) return false;
    const speaks = (acl: Acl) =>
      concerns(acl, principal, host) && (acl.operation === operation || acl.operation === AclOperation.ALL);
    const names = (from: Map<string, Acl[]>, permission: number) =>
      [...from].filter(([, acls]) => acls.some((acl) => acl.permission === permission && speaks(acl))).map(([n]) => n);
    const deniedLiterals = new Set(names(ofType.literal, Permission.DENY));
    if (deniedLiterals.has(WILDCARD)) return false;
    const deniedPrefixes = new Set(names(ofType.prefixed, Permission.DENY));
    const isCovered = (name: string) => {
      for (let length = 1; length <= name.length; length++) {
        if (deniedPrefixes.has(name.slice(0, length))) return true;
      }
      return false;
    };
    const allowedLiterals = names(ofType.literal, Permission.ALLOW);
    return (
      allowedLiterals.includes(WILDCARD) ||
      allowedLiterals.some((name) => !deniedLiterals.has(name) && !isCovered(name)) ||
      names(ofType.prefixed, Permission.ALLOW).some((name) => !isCovered(name))
    );
  }

  *#about(resourceType: number, name: string): Generator<readonly Acl[]> {
    const ofType = this.#byType.get(resourceType);
    if (!ofType) return;
    const own = ofType.literal.get(name);
    if (own) yield own;
    if (name !== WILDCARD) {
      const everything = ofType.literal.get(WILDCARD);
      if (everything) yield everything;
    }
    for (const length of ofType.prefixLengths) {
      const entries = length <= name.length ? ofType.prefixed.get(name.slice(0, length)) : undefined;
      if (entries) yield entries;
    }
  }

  #add(acl: Acl): void {
    let ofType = this.#byType.get(acl.resourceType);
    if (!ofType) {
      ofType = { literal: new Map(), prefixed: new Map(), prefixLengths: new Set() };
      this.#byType.set(acl.resourceType, ofType);
    }
    const isPrefix = acl.patternType === PatternType.PREFIXED;
    const names = isPrefix ? ofType.prefixed : ofType.literal;
    const entries = names.get(acl.resourceName);
    if (entries) entries.push(acl);
    else names.set(acl.resourceName, [acl]);
    if (isPrefix) ofType.prefixLengths.add(acl.resourceName.length);
  }
}

function concerns(acl: Acl, principal: string, host: string): boolean {
  return (
    (acl.principal === principal || acl.principal === EVERY_USER) && (acl.host === EVERY_HOST || acl.host === host)
  );
}

/** Only what is allowed implies more; what is denied denies exactly that. */
function covers(acl: Acl, operation: number): boolean {
  if (acl.operation === AclOperation.ALL || acl.operation === operation) return true;
  if (acl.permission !== Permission.ALLOW) return false;
  if (operation === AclOperation.DESCRIBE) return IMPLIES_DESCRIBE.includes(acl.operation);
  return operation === AclOperation.DESCRIBE_CONFIGS && IMPLIES_DESCRIBE_CONFIGS.includes(acl.operation);
}
