// Metadata APIs in a test: a request is encoded as its version has it, decoded, answered, and the answer goes the same
// way back, so that a handler is seen as a client of that version sees it.
import assert from 'node:assert/strict';
import { metadataWorld, type WorldOptions } from '../metadata/metadata-world.suite.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../protocol/api.ts';
import { alterConfigsHandler } from './alter-configs.ts';
import type { ConnectionInfo } from './api.ts';
import { createPartitionsHandler } from './create-partitions.ts';
import { createTopicsHandler } from './create-topics.ts';
import { deleteTopicsHandler } from './delete-topics.ts';
import { describeConfigsHandler } from './describe-configs.ts';
import { incrementalAlterConfigsHandler } from './incremental-alter-configs.ts';
import { listConfigResourcesHandler } from './list-config-resources.ts';
import type { AnyApiHandler } from './registry.ts';

export async function metadataApiWorld(options: WorldOptions = {}) {
  const world = await metadataWorld(options);
  return {
    ...world,
    createTopics: caller(createTopicsHandler(world)),
    deleteTopics: caller(deleteTopicsHandler(world)),
    createPartitions: caller(createPartitionsHandler(world)),
    describeConfigs: caller(describeConfigsHandler(world)),
    incrementalAlterConfigs: caller(incrementalAlterConfigsHandler(world)),
    alterConfigs: caller(alterConfigsHandler(world)),
    listConfigResources: caller(listConfigResourcesHandler(world)),
  };
}

// Requests and answers of all these APIs; each test knows which it is.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Message = any;

export type Call = (version: number, request: Message) => Promise<Message>;

type Caller = Call & {
  readonly versions: readonly number[];
  /** With the body of a request as it is on the wire. */
  bytes(version: number, body: Buffer): Promise<Message>;
};

function caller(handler: AnyApiHandler): Caller {
  const { api, minVersion, maxVersion } = handler;
  const bytes = async (apiVersion: number, body: Buffer): Promise<Message> => {
    const decoded = decodeRequest(api as Message, apiVersion, body);
    let answer: Message;
    const context = {
      apiKey: api.key,
      apiVersion,
      correlationId: 1,
      clientId: 'test',
      connection: {} as ConnectionInfo,
      requestBytes: body.length,
    };
    await handler.dispatch(decoded as Message, context, (response: Message) => {
      assert.equal(answer, undefined, 'answered twice');
      answer = response;
    });
    assert.ok(answer, 'not answered');
    return decodeResponse(
      api as Message,
      apiVersion,
      Buffer.concat(encodeResponse(api as Message, apiVersion, answer)),
    );
  };
  const call = (version: number, request: Message) =>
    bytes(version, Buffer.concat(encodeRequest(api as Message, version, request)));
  const versions = Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index);
  return Object.assign(call, { versions, bytes });
}
