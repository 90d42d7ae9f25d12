// HTTP by Node's own server. Loaded when somebody listens: nothing else in Ottla pays for it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpAnswer, HttpListener, HttpRequest, HttpServing } from '../http.ts';
import { NetworkError } from '../network.ts';

const CONNECTIONS_MAX = 1_000;

export const nodeHttp: HttpServing = {
  listen({ host, port, bodyBytesMax }, answer) {
    const server = createServer((request, response) => void take(request, response, bodyBytesMax, answer));
    server.maxConnections = CONNECTIONS_MAX;
    return new Promise<HttpListener>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new NetworkError(error.code ?? 'UNKNOWN', `cannot listen on ${host}:${port}`, error));
      });
      server.listen({ host, port }, () => {
        resolve({
          port: (server.address() as AddressInfo).port,
          close: () =>
            new Promise<void>((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        });
      });
    });
  },
};

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  bodyBytesMax: number,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<void> {
  try {
    const body = await bodyOf(request, bodyBytesMax);
    if (body === undefined) {
      send(response, { status: 413, contentType: 'text/plain', body: 'the body is too large\n' });
      request.destroy();
      return;
    }
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(request.headers))
      headers[name] = Array.isArray(value) ? value[0] : value;
    send(response, await answer({ method: request.method ?? 'GET', target: request.url ?? '/', headers, body }));
  } catch (error) {
    // The client went away in the middle of its request, or the answer failed, which is a bug of whoever answers.
    if (!response.headersSent) send(response, { status: 500, contentType: 'text/plain', body: `${String(error)}\n` });
    else response.destroy();
  }
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, { status, contentType, body }: HttpAnswer): void {
  response.writeHead(status, {
    'content-type': `${contentType}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
