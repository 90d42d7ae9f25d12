// What an API asks the authorizer before it does anything, beside the API's own file: its handler knows nothing of it. A request is
// narrowed to what its sender may do, the handler answers that, and what was taken out is answered in its place; a broker
// without an authorizer registers the handlers as they are. Each authorization also lists its questions, from which
// docs/reference/authorization.md is made. Sources: KafkaApis, ControllerApis, AuthHelper.
import type { Configs } from '../../metadata/configs/configs.ts';
import type { Image } from '../../metadata/image.ts';
import { AclOperation, CLUSTER_NAME, ResourceType } from '../../protocol/acl-codes.ts';
import type { ErrorCode } from '../../protocol/error-code.ts';
import type { Authorizer, Logged, Subject } from '../../security/authorizer.ts';
import type { RequestContext } from '../api.ts';
import type { AnyApiHandler } from '../registry.ts';
import { refusalSentence } from './refusal-sentences.ts';

/** One question, for the reference page. */
export interface Check {
  readonly operation: keyof typeof AclOperation;
  readonly resource: 'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID' | 'USER' | 'DELEGATION_TOKEN';
  /** The error of what is denied, or what happens to it. */
  readonly otherwise: string;
}

export interface Authorization<Request, Response> {
  readonly checks: readonly Check[];
  narrow(request: Request, ask: Asker): Narrowed<Request, Response>;
}

// Tables hold authorizations of different APIs; the registry pairs each with its own handler.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyAuthorization = Authorization<any, any>;

export type Narrowed<Request, Response> =
  /** Everything is denied, in the way the API says so. */
  | { readonly denied: ErrorCode }
  /** Everything is answered already. */
  | { readonly answer: Response }
  | { readonly request: Request; readonly complete?: (response: Response) => Response };

export interface AuthorizationWorld {
  readonly metadata: { readonly image: Image };
  readonly configs: Pick<Configs, 'broker'>;
}

/** Asks for one request. A name is asked about once, however often the request has it. */
export class Asker {
  readonly context: RequestContext;
  readonly world: AuthorizationWorld;
  readonly #authorizer: Authorizer;
  readonly #subject: Subject;
  readonly #known = new Map<string, boolean>();

  constructor(authorizer: Authorizer, context: RequestContext, world: AuthorizationWorld) {
    this.#authorizer = authorizer;
    this.context = context;
    this.world = world;
    this.#subject = { principal: context.connection.principal, host: context.connection.remoteAddress };
  }

  get image(): Image {
    return this.world.metadata.image;
  }

  cluster(operation: AclOperation, logged?: Logged): boolean {
    return this.#allows(operation, ResourceType.CLUSTER, CLUSTER_NAME, logged);
  }

  topic(operation: AclOperation, name: string, logged?: Logged): boolean {
    return this.#allows(operation, ResourceType.TOPIC, name, logged);
  }

  group(operation: AclOperation, id: string, logged?: Logged): boolean {
    return this.#allows(operation, ResourceType.GROUP, id, logged);
  }

  transactionalId(operation: AclOperation, id: string): boolean {
    return this.#allows(operation, ResourceType.TRANSACTIONAL_ID, id);
  }

  /** Whether there may be a topic that can be written to. */
  writesSomeTopic(): boolean {
    return this.#authorizer.allowsSome(this.#subject, AclOperation.WRITE, ResourceType.TOPIC);
  }

  /** The bit field of KIP-430. */
  operations(type: ResourceType, name: string): number {
    return this.#authorizer.operations(this.#subject, type, name);
  }

  /** The name behind a topic id; undefined when there is none, which the handler answers by itself. */
  nameOf(topicId: string): string | undefined {
    return this.image.topicsById.get(topicId)?.name;
  }

  #allows(operation: AclOperation, type: ResourceType, name: string, logged?: Logged): boolean {
    const key = `${operation} ${type} ${name}`;
    let allowed = this.#known.get(key);
    if (allowed === undefined) {
      allowed = this.#authorizer.allows(this.#subject, operation, type, name, logged);
      this.#known.set(key, allowed);
    }
    return allowed;
  }
}

export function authorized(
  handler: AnyApiHandler,
  authorization: AnyAuthorization,
  authorizer: Authorizer,
  world: AuthorizationWorld,
): AnyApiHandler {
  return {
    ...handler,
    dispatch(request, context, reply) {
      const narrowed = authorization.narrow(request, new Asker(authorizer, context, world));
      if ('denied' in narrowed) {
        const answer = denial(handler, request, narrowed.denied);
        // Silence would look like success.
        if (answer === undefined) context.connection.close(`${handler.api.name} is denied and cannot say so`);
        else reply(answer);
        return;
      }
      if ('answer' in narrowed) {
        reply(narrowed.answer);
        return;
      }
      const { complete } = narrowed;
      if (!complete) return handler.dispatch(narrowed.request, context, reply);
      return handler.dispatch(narrowed.request, context, (response, onSent) =>
        reply(response === null ? null : complete(response), onSent),
      );
    },
  };
}

function denial(handler: AnyApiHandler, request: unknown, errorCode: ErrorCode): unknown {
  const { fields } = handler.api.response;
  const answer = handler.failed?.(request, errorCode) ?? ('errorCode' in fields ? { errorCode } : undefined);
  return answer !== undefined && 'errorMessage' in fields
    ? { ...answer, errorMessage: refusalSentence(errorCode) }
    : answer;
}

interface WithTopics {
  readonly topics: readonly unknown[];
}

/** Asks the handler about the topics that are allowed, and puts behind its answers those of the others. */
export function onlyTopics<Request extends WithTopics, Response extends WithTopics>(
  request: Request,
  topics: Request['topics'],
  answers: Response['topics'],
): Narrowed<Request, Response> {
  return {
    request: { ...request, topics },
    complete: (response) => ({ ...response, topics: [...response.topics, ...answers] }),
  };
}

/** What is allowed and what is not, in order. */
export function split<T>(items: readonly T[], isAllowed: (item: T) => boolean): { allowed: T[]; denied: T[] } {
  const allowed: T[] = [];
  const denied: T[] = [];
  for (const item of items) (isAllowed(item) ? allowed : denied).push(item);
  return { allowed, denied };
}
