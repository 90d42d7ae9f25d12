// The control port of `ottla serve --testing`: a test broker for programs in any language. Over HTTP, on this machine only: whoever
// reaches it can do everything. Under `/` is the broker that was started first; `/brokers` starts others, each alone, and
// `/brokers/ID/…` asks them. Invariant: every broker that was started here is closed with the server.
import { AssertionError } from 'node:assert';
import { ClientError } from '../client/client-error.ts';
import type { HttpAnswer, HttpListener, HttpRequest } from '../runtime/http.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { SettingsError } from '../settings.ts';
import { NotFound, ROUTES, statusOf } from './control-routes.ts';
import type { PlannedFault } from './faults.ts';
import { refuseUnknownOptions, type TestBrokerOptions } from './options.ts';
import { type Snapshot, TestBroker } from './test-broker.ts';
import { WaitTimeout } from './watchers.ts';

export interface ControlServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

interface Controlled {
  readonly broker: TestBroker;
  readonly faults: Map<number, PlannedFault>;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const BROKERS_MAX = 1_000;
const SNAPSHOTS_MAX = 1_000;
const FIRST = '0';

/** `http` is given by the runtime; `options` are those of every broker that is started, unless the request says otherwise. */
export async function startControlServer(
  runtime: Runtime,
  first: TestBroker,
  { port, options }: { readonly port: number; readonly options: TestBrokerOptions },
): Promise<ControlServer> {
  if (runtime.http === undefined) throw new TypeError('this runtime serves no HTTP.');
  const control = new Control(runtime, first, options);
  const http = await runtime.http();
  const listener: HttpListener = await http.listen(
    { host: '127.0.0.1', port, bodyBytesMax: BODY_BYTES_MAX },
    (request) => control.answer(request),
  );
  return {
    url: `http://127.0.0.1:${listener.port}`,
    async close() {
      await listener.close();
      await control.close();
    },
  };
}

class Control {
  readonly #runtime: Runtime;
  readonly #options: TestBrokerOptions;
  readonly #brokers = new Map<string, Controlled>();
  readonly #snapshots = new Map<string, Snapshot>();
  #nextId = 1;

  constructor(runtime: Runtime, first: TestBroker, options: TestBrokerOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#brokers.set(FIRST, { broker: first, faults: new Map() });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#brokers.values()].map(({ broker }) => broker.close()));
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    try {
      refuseStrangers(request);
      const result = await this.#call(request);
      if (typeof result === 'string') return { status: 200, contentType: 'text/plain', body: `${result}\n` };
      return json(200, result);
    } catch (error) {
      const [status, name] = statusFor(error);
      return json(status, { error: name, message: error instanceof Error ? error.message : String(error) });
    }
  }

  async #call({ method, target, body }: HttpRequest): Promise<unknown> {
    const url = new URL(target, 'http://127.0.0.1');
    const path = url.pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    const given = bodyOf(body);
    if (path[0] === 'snapshots' && method === 'POST' && path.length === 1) return this.#snapshot(FIRST);
    if (path[0] !== 'brokers') return this.#route(FIRST, method, path, url, given);
    const [, id, ...rest] = path;
    if (id === undefined) {
      if (method === 'POST') return this.#start(given);
      if (method === 'GET')
        return {
          brokers: [...this.#brokers].map(([each, { broker }]) => ({ id: each, ...(statusOf(broker) as object) })),
        };
      throw new NotFound(`${method} is nothing that can be done with /brokers.`);
    }
    if (rest.length === 0 && method === 'DELETE') return this.#close(id);
    if (rest[0] === 'snapshots' && method === 'POST' && rest.length === 1) return this.#snapshot(id);
    return this.#route(id, method, rest, url, given);
  }

  async #route(
    id: string,
    method: string,
    path: readonly string[],
    url: URL,
    body: Record<string, unknown>,
  ): Promise<unknown> {
    const { broker, faults } = this.#controlled(id);
    for (const route of ROUTES) {
      const parts = route.method === method ? matched(route.path, path) : undefined;
      if (parts !== undefined) return route.call({ broker, faults, parts, query: url.searchParams, body });
    }
    throw new NotFound(`there is no ${method} ${url.pathname}.`);
  }

  /** A new broker, or one with what another or a snapshot holds. */
  async #start({ fork, snapshot, ...options }: Record<string, unknown>): Promise<unknown> {
    if (this.#brokers.size >= BROKERS_MAX)
      throw new RangeError(`there are ${BROKERS_MAX} brokers already; close some.`);
    let broker: TestBroker;
    if (fork !== undefined) broker = await this.#controlled(String(fork)).broker.fork();
    else if (snapshot !== undefined) broker = await this.#snapshotOf(String(snapshot)).start();
    else {
      refuseUnknownOptions(options);
      broker = await TestBroker.start(this.#runtime, { ...this.#options, port: 0, ...options });
    }
    const id = String(this.#nextId++);
    this.#brokers.set(id, { broker, faults: new Map() });
    return { id, ...(statusOf(broker) as object) };
  }

  async #close(id: string): Promise<unknown> {
    const { broker } = this.#controlled(id);
    if (id === FIRST) throw new TypeError('the first broker is closed with the process.');
    this.#brokers.delete(id);
    await broker.close();
    return {};
  }

  #snapshot(id: string): unknown {
    if (this.#snapshots.size >= SNAPSHOTS_MAX) throw new RangeError(`there are ${SNAPSHOTS_MAX} snapshots already.`);
    const snapshot = this.#controlled(id).broker.snapshot();
    const name = String(this.#nextId++);
    this.#snapshots.set(name, snapshot);
    return { snapshot: name };
  }

  #snapshotOf(name: string): Snapshot {
    const found = this.#snapshots.get(name);
    if (found === undefined) throw new NotFound(`there is no snapshot ${name}.`);
    return found;
  }

  #controlled(id: string): Controlled {
    const found = this.#brokers.get(id);
    if (found === undefined) throw new NotFound(`there is no broker ${id}.`);
    return found;
  }
}

/** Not for pages of the web that a browser on this machine shows, whatever name they reach this address by. */
function refuseStrangers({ headers }: HttpRequest): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  if (headers.origin === undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(host)) return;
  throw new Forbidden('the control port is for programs on this machine.');
}

class Forbidden extends Error {}

function statusFor(error: unknown): [number, string] {
  if (error instanceof Forbidden) return [403, 'Forbidden'];
  if (error instanceof NotFound) return [404, 'NotFound'];
  // What a test waited for did not come.
  if (error instanceof WaitTimeout) return [409, 'WaitTimeout'];
  if (error instanceof AssertionError) return [409, 'AssertionError'];
  if (error instanceof ClientError) return [409, error.code];
  if (error instanceof SettingsError) return [400, 'SettingsError'];
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError)
    return [400, error.name];
  return [500, 'Error'];
}

function bodyOf(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  const body: unknown = JSON.parse(text);
  if (body === null) return {};
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new TypeError('the body is a JSON object.');
  return body as Record<string, unknown>;
}

/** What stands in the places of `:name`; undefined when it is another path. */
function matched(pattern: string, path: readonly string[]): Record<string, string> | undefined {
  const wanted = pattern.split('/').filter((part) => part !== '');
  if (wanted.length !== path.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(':')) parts[part.slice(1)] = path[index]!;
    else if (part !== path[index]) return undefined;
  }
  return parts;
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}
