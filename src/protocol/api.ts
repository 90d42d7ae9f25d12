// An API: a key, a range of versions, a request and a response. Frames are what travels: a size of four bytes, a header,
// a body. This is the surface that server, client and the files in apis/ use; messages/ holds one definition per API.
//
// Encoding returns buffers to be written one after the other: `records` and large byte fields are the caller's own
// buffers, which must stay unchanged until they are written. Decoding returns views of the frame.
import { decodeRequestHeader, type RequestHeader, writeRequestHeader } from './header.ts';
import { Message } from './message.ts';
import { REQUEST_ELEMENTS_MAX, Reader } from './reader.ts';
import { type DecodedOf, type Fields, type InputOf, type Versions, versionRange } from './schema.ts';
import { Writer } from './writer.ts';

export { decodeRequestHeader, type RequestHeader };

/** `Request` and `Response` are the decoded shapes; the `Input` shapes are what encoding takes (defaults may be left out). */
export interface Api<Request = unknown, Response = unknown, RequestInput = unknown, ResponseInput = unknown> {
  readonly key: number;
  readonly name: string;
  readonly minVersion: number;
  /** The newest stable one. */
  readonly maxVersion: number;
  /** Infinity when no version is flexible. */
  readonly firstFlexibleVersion: number;
  readonly request: Message<Request, RequestInput>;
  readonly response: Message<Response, ResponseInput>;
}

export type RequestOf<A extends Api> = A['request']['$decoded'];
export type ResponseOf<A extends Api> = A['response']['$decoded'];
export type RequestInputOf<A extends Api> = A['request']['$input'];
export type ResponseInputOf<A extends Api> = A['response']['$input'];

export function defineApi<const Q extends Fields, const P extends Fields>(definition: {
  readonly key: number;
  readonly name: string;
  readonly versions: Versions;
  readonly flexible: Versions | 'none';
  readonly request: Q;
  readonly response: P;
}): Api<DecodedOf<Q>, DecodedOf<P>, InputOf<Q>, InputOf<P>> {
  const { key, name } = definition;
  const [minVersion, maxVersion] = versionRange(definition.versions);
  const firstFlexibleVersion =
    definition.flexible === 'none' ? Number.POSITIVE_INFINITY : versionRange(definition.flexible)[0];
  return {
    key,
    name,
    minVersion,
    maxVersion,
    firstFlexibleVersion,
    request: new Message(`${name}Request`, minVersion, maxVersion, firstFlexibleVersion, definition.request),
    response: new Message(`${name}Response`, minVersion, maxVersion, firstFlexibleVersion, definition.response),
  };
}

/** Decodes a request's body, which starts at `offset` (`bodyOffset` of the header). */
export function decodeRequest<Request>(api: Api<Request>, version: number, bytes: Buffer, offset = 0): Request {
  return api.request.read(new Reader(bytes, offset, bytes.length, REQUEST_ELEMENTS_MAX), version);
}

export function decodeResponse<Response>(
  api: Api<unknown, Response>,
  version: number,
  bytes: Buffer,
  offset = 0,
): Response {
  return api.response.read(new Reader(bytes, offset), version);
}

export function encodeRequest<Input>(
  api: Api<unknown, unknown, Input>,
  version: number,
  message: NoInfer<Input>,
): Buffer[] {
  const writer = new Writer();
  api.request.write(writer, version, message);
  return writer.finish();
}

export function encodeResponse<Input>(
  api: Api<unknown, unknown, unknown, Input>,
  version: number,
  message: NoInfer<Input>,
): Buffer[] {
  const writer = new Writer();
  api.response.write(writer, version, message);
  return writer.finish();
}

/** Size, header and body of a request. */
export function encodeRequestFrame<Input>(
  api: Api<unknown, unknown, Input>,
  version: number,
  correlationId: number,
  clientId: string | null,
  message: NoInfer<Input>,
): Buffer[] {
  const writer = new Writer();
  writer.startFrame();
  writeRequestHeader(writer, api.key, version, correlationId, clientId, version >= api.firstFlexibleVersion);
  api.request.write(writer, version, message);
  return writer.finish();
}

/** Size, header and body of a response. */
export function encodeResponseFrame<Input>(
  api: Api<unknown, unknown, unknown, Input>,
  version: number,
  correlationId: number,
  message: NoInfer<Input>,
): Buffer[] {
  const writer = new Writer();
  writer.startFrame();
  writer.int32(correlationId);
  if (hasFlexibleResponseHeader(api, version)) writer.uvarint(0);
  api.response.write(writer, version, message);
  return writer.finish();
}

export interface ResponseHeader {
  readonly correlationId: number;
  readonly bodyOffset: number;
}

/** Decodes the header of a response frame (without its four bytes of size) to a request sent at `version`. */
export function decodeResponseHeader(api: Api, version: number, bytes: Buffer): ResponseHeader {
  const reader = new Reader(bytes);
  const correlationId = reader.int32();
  if (hasFlexibleResponseHeader(api, version)) reader.skipTags();
  return { correlationId, bodyOffset: reader.position };
}

const API_VERSIONS_KEY = 18;

/** ApiVersions answers with header version 0 always: its client does not know yet what the broker speaks (KIP-511). */
function hasFlexibleResponseHeader(api: Api, version: number): boolean {
  return version >= api.firstFlexibleVersion && api.key !== API_VERSIONS_KEY;
}
