// Who may do what: super users, then the access control list in the metadata, then `allow.everyone.if.no.acl.found`.
// Present only when `authorizer.class.name` names Kafka's StandardAuthorizer; every decision can leave an audit line.
import type { Image } from '../metadata/image.ts';
import { AclOperation, nameOfCode, ResourceType, supportedOperations } from '../protocol/acl-codes.ts';
import { AclRules } from './acl-rules.ts';
import { type Principal, principalText } from './principal.ts';

/** The authorizer that Kafka ships, and the only one there is. */
export const STANDARD_AUTHORIZER = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer';

/** Somebody at an address. */
export interface Subject {
  readonly principal: Principal;
  /** Numeric, as the socket shows it. */
  readonly host: string;
}

export interface Decision {
  readonly subject: Subject;
  readonly operation: string;
  readonly resourceType: string;
  readonly resourceName: string;
  readonly allowed: boolean;
}

/** Which decisions Kafka would log: it keeps probing questions (what may I see?) out. */
export type Logged = 'both' | 'allowed' | 'none';

export interface AuthorizerOptions {
  readonly metadata: { readonly image: Image };
  readonly superUsers: readonly Principal[];
  readonly allowEveryoneIfNoAclFound: boolean;
  readonly audit: (decision: Decision) => void;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #superUsers: ReadonlySet<string>;
  #rules = new AclRules([]);
  #rulesOf: Image['acls'] | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#superUsers = new Set(options.superUsers.map(principalText));
  }

  allows(
    subject: Subject,
    operation: AclOperation,
    resourceType: ResourceType,
    resourceName: string,
    logged: Logged = 'both',
  ): boolean {
    const allowed = this.#decide(subject, operation, resourceType, resourceName);
    if (logged === 'both' || (logged === 'allowed' && allowed)) {
      this.#options.audit({
        subject,
        operation: nameOfCode(AclOperation, operation),
        resourceType: nameOfCode(ResourceType, resourceType),
        resourceName,
        allowed,
      });
    }
    return allowed;
  }

  /** Whether there may be a resource of the type that the subject may do this to (AuthorizeByResourceType, KIP-679). */
  allowsSome(subject: Subject, operation: AclOperation, resourceType: ResourceType): boolean {
    // Kafka asks about a name that is hardly anybody's: super users, and resources without entries, pass there.
    if (this.#decide(subject, operation, resourceType, 'hardcode')) return true;
    return this.#upToDate().allowsSome(principalText(subject.principal), subject.host, operation, resourceType);
  }

  /** One bit per operation that is allowed (KIP-430). */
  operations(subject: Subject, resourceType: ResourceType, resourceName: string): number {
    let bits = 0;
    for (const operation of supportedOperations(resourceType)) {
      if (this.allows(subject, operation, resourceType, resourceName, 'none')) bits |= 1 << operation;
    }
    return bits;
  }

  #decide(subject: Subject, operation: AclOperation, resourceType: ResourceType, resourceName: string): boolean {
    const principal = principalText(subject.principal);
    if (this.#superUsers.has(principal)) return true;
    const verdict = this.#upToDate().verdict(principal, subject.host, operation, resourceType, resourceName);
    return verdict === 'no-acl' ? this.#options.allowEveryoneIfNoAclFound : verdict === 'allowed';
  }

  #upToDate(): AclRules {
    const { acls } = this.#options.metadata.image;
    if (acls !== this.#rulesOf) {
      this.#rules = new AclRules(acls.values());
      this.#rulesOf = acls;
    }
    return this.#rules;
  }
}
