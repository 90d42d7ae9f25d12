// Which quota of a kind a client is under: the most specific of those that name its user, its client id or both, or the defaults
// of these, in Kafka's order. What the metadata says is indexed once, when it has changed.
// Source: ClientQuotaManager (its comment on precedence, and the metric tags of DefaultQuotaCallback).
import type { Image } from '../metadata/image.ts';

export type QuotaKey =
  | 'producer_byte_rate'
  | 'consumer_byte_rate'
  | 'request_percentage'
  | 'controller_mutation_rate'
  | 'connection_creation_rate';

/** Who is measured: users by the name of their principal alone. */
export interface QuotaClient {
  readonly user: string;
  readonly clientId: string;
}

export interface ApplicableQuota {
  /** Per second. */
  readonly limit: number;
  /** Clients with the same text share what the quota gives. */
  readonly sharedBy: string;
}

export class QuotaLimits {
  readonly #metadata: { readonly image: Pick<Image, 'clientQuotas'> };
  readonly #key: QuotaKey;
  #indexed: Image['clientQuotas'] | undefined;
  #limits: ReadonlyMap<string, number> = new Map();

  constructor(metadata: { readonly image: Pick<Image, 'clientQuotas'> }, key: QuotaKey) {
    this.#metadata = metadata;
    this.#key = key;
  }

  of({ user, clientId }: QuotaClient): ApplicableQuota | undefined {
    const limits = this.#upToDate();
    if (limits.size === 0) return undefined;
    // A client without an id is nobody's client: only quotas of its user apply.
    const hasId = clientId !== '';
    const both = hasId ? (limits.get(entity(user, clientId)) ?? limits.get(entity(user, null))) : undefined;
    if (both !== undefined) return { limit: both, sharedBy: entity(user, clientId) };
    const own = limits.get(entity(user, undefined));
    if (own !== undefined) return { limit: own, sharedBy: entity(user, undefined) };
    const anybody = hasId ? (limits.get(entity(null, clientId)) ?? limits.get(entity(null, null))) : undefined;
    if (anybody !== undefined) return { limit: anybody, sharedBy: entity(user, clientId) };
    const everyUser = limits.get(entity(null, undefined));
    if (everyUser !== undefined) return { limit: everyUser, sharedBy: entity(user, undefined) };
    const client = hasId ? (limits.get(entity(undefined, clientId)) ?? limits.get(entity(undefined, null))) : undefined;
    return client === undefined ? undefined : { limit: client, sharedBy: entity(undefined, clientId) };
  }

  ofAddress(address: string): number | undefined {
    const limits = this.#upToDate();
    return limits.get(`ip${part(address.toLowerCase())}`) ?? limits.get(`ip${part(null)}`);
  }

  #upToDate(): ReadonlyMap<string, number> {
    const { clientQuotas } = this.#metadata.image;
    if (clientQuotas !== this.#indexed) {
      const limits = new Map<string, number>();
      for (const { entity: named, quotas } of clientQuotas.values()) {
        const limit = quotas.get(this.#key);
        if (limit === undefined) continue;
        if ('ip' in named) limits.set(`ip${part(named.ip?.toLowerCase() ?? null)}`, limit);
        else limits.set(entity(named.user, named['client-id']), limit);
      }
      this.#limits = limits;
      this.#indexed = clientQuotas;
    }
    return this.#limits;
  }
}

/** null is the default of the type, undefined says that the type is not named. */
function entity(user: string | null | undefined, clientId: string | null | undefined): string {
  return `${part(user)}\0${part(clientId)}`;
}

function part(name: string | null | undefined): string {
  return name === undefined ? '' : name === null ? '*' : `=${name}`;
}
