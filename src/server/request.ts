// A request frame → what to do with it. Pure; the rules for requests that cannot be served are Kafka's
// (SocketServer.parseRequestHeader, RequestContext.parseRequest): an ApiVersions request of an unknown version is answered
// in version 0, so that any client can find common ground (KIP-511); for everything else that cannot be understood there
// is no answer the client could decode, and its connection closes.
import type { AnyApiHandler, Registry } from '../apis/registry.ts';
import { decodeRequest, decodeRequestHeader, encodeResponseFrame, type RequestHeader } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { FileError } from '../runtime/files.ts';
import { StorageError } from '../storage/storage-error.ts';

export type Incoming =
  | {
      readonly kind: 'request';
      readonly handler: AnyApiHandler;
      readonly request: unknown;
      readonly header: RequestHeader;
    }
  /** Answered without a handler. */
  | { readonly kind: 'answer'; readonly parts: readonly Uint8Array[] }
  /** The connection must close; `reason` is for the log. */
  | { readonly kind: 'refusal'; readonly reason: string };

/** Key, version and correlation id. */
const FIXED_HEADER_BYTES = 8;

export function readRequest(frame: Buffer, registry: Registry): Incoming {
  if (frame.length < FIXED_HEADER_BYTES) {
    return { kind: 'refusal', reason: `a request of ${frame.length} bytes has no room for its header` };
  }
  const apiKey = frame.readInt16BE(0);
  const apiVersion = frame.readInt16BE(2);
  const handler = registry.get(apiKey);
  if (handler === undefined) {
    return { kind: 'refusal', reason: `API key ${apiKey} is not served` };
  }
  if (apiVersion < (handler.minHandledVersion ?? handler.minVersion) || apiVersion > handler.maxVersion) {
    return apiKey === apiVersions.key
      ? { kind: 'answer', parts: unsupportedApiVersions(frame.readInt32BE(4), handler) }
      : { kind: 'refusal', reason: `${handler.api.name} has no version ${apiVersion}` };
  }
  try {
    const header = decodeRequestHeader(frame);
    return {
      kind: 'request',
      handler,
      request: decodeRequest(handler.api, apiVersion, frame, header.bodyOffset),
      header,
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) {
      throw error;
    }
    return { kind: 'refusal', reason: `${handler.api.name} version ${apiVersion} cannot be decoded: ${error.message}` };
  }
}

/** What is sent when a handler failed; undefined when the API has no way to say so, and the connection must close. */
export function failedResponse(
  handler: AnyApiHandler,
  request: unknown,
  header: RequestHeader,
  error: unknown,
): readonly Uint8Array[] | undefined {
  const { api } = handler;
  const hasTopLevelError = 'errorCode' in api.response.fields;
  const errorCode = errorCodeOf(error);
  try {
    if (handler.failed) {
      const response = handler.failed(request, errorCode);
      return response && encodeResponseFrame(api, header.apiVersion, header.correlationId, response);
    }
    return hasTopLevelError ? emptyResponse(handler, header, errorCode) : undefined;
  } catch {
    return undefined;
  }
}

/** A disk that fails or is full may recover, and clients try again; anything else is a bug. */
function errorCodeOf(error: unknown): ErrorCode {
  const isDisk = error instanceof FileError || error instanceof StorageError;
  return isDisk ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.UNKNOWN_SERVER_ERROR;
}

function emptyResponse(
  handler: AnyApiHandler,
  header: RequestHeader,
  errorCode: ErrorCode,
): readonly Uint8Array[] | undefined {
  const { api } = handler;
  const { apiVersion, correlationId } = header;
  const frame = Buffer.concat(encodeResponseFrame(api, apiVersion, correlationId, { errorCode }));
  // Only a version that carries the field says anything: without it, silence would look like success.
  const bodyOffset = apiVersion >= api.firstFlexibleVersion && api.key !== apiVersions.key ? 9 : 8;
  const decoded = api.response.decode(apiVersion, frame.subarray(bodyOffset)) as { errorCode: number };
  return decoded.errorCode === errorCode ? [frame] : undefined;
}

function unsupportedApiVersions(correlationId: number, { minVersion, maxVersion }: AnyApiHandler): Uint8Array[] {
  return encodeResponseFrame(apiVersions, 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersions.key, minVersion, maxVersion }],
  });
}
