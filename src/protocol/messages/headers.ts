// The headers of requests and responses as messages. The server and the client use the quicker functions of header.ts
// and api.ts; these say what those must agree with.
import { defineMessage } from '../message.ts';
import { int16, int32, string } from '../schema.ts';

export const requestHeader = defineMessage({
  name: 'RequestHeader',
  versions: '1-2',
  flexible: '2+',
  fields: {
    requestApiKey: int16(),
    requestApiVersion: int16(),
    correlationId: int32(),
    clientId: string({ nullable: true, compact: false }),
  },
});

export const responseHeader = defineMessage({
  name: 'ResponseHeader',
  versions: '0-1',
  flexible: '1+',
  fields: {
    correlationId: int32(),
  },
});
