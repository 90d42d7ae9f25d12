// Conversations of clients that log in, or try to, for two secured brokers: each is a list of steps, and what comes back is an answer, raw
// bytes, or the end of the connection. Users are `admin` and u0, u1, … with their names as passwords; `scram` is known to SCRAM alone.

import { apis } from './exchange.mjs';

const handshake = (mechanism, version = 1) => [apis.saslHandshake, version, { mechanism }];
const token = (text, version = 2) => [apis.saslAuthenticate, version, { authBytes: Buffer.from(text) }];
const plain = (user, password = user, identity = '') => token(`${identity}\0${user}\0${password}`);
const VERSIONS = [apis.apiVersions, 3, { clientSoftwareName: 'd', clientSoftwareVersion: '1' }];
const ASK = [apis.metadata, 9, { topics: [], allowAutoTopicCreation: false }];
const raw = (text) => ({ raw: Buffer.from(text) });
const scram = (password, user = 'scram', extension = '') => ({ scram: { user, password, extension } });

export const conversations = {
  'nothing but a question': [ASK],
  'versions, then a question': [VERSIONS, ASK],
  'versions twice': [VERSIONS, VERSIONS, handshake('PLAIN')],
  'versions after the handshake': [handshake('PLAIN'), VERSIONS, plain('u1')],
  'a question after the handshake': [handshake('PLAIN'), ASK],
  'an unknown mechanism': [handshake('GSSAPI'), handshake('PLAIN')],
  'an unknown mechanism, version 0': [handshake('GSSAPI', 0), handshake('PLAIN', 0)],
  'no mechanism': [handshake('')],
  'a token without a handshake': [plain('u1')],
  'two handshakes': [handshake('PLAIN'), handshake('PLAIN'), plain('u1')],
  'a login, version 0': [handshake('PLAIN', 0), raw('\0u1\0u1'), ASK],
  'a login, version 0, wrong password': [handshake('PLAIN', 0), raw('\0u1\0wrong'), ASK],
  'a login, tokens of version 0': [handshake('PLAIN'), token('\0u1\0u1', 0), ASK],
  'a login, tokens of version 1': [handshake('PLAIN'), token('\0u1\0u1', 1), ASK],
  'a wrong password': [handshake('PLAIN'), plain('u1', 'wrong'), ASK],
  'an unknown user': [handshake('PLAIN'), plain('nobody', 'wrong'), ASK],
  'a user without a password': [handshake('PLAIN'), plain('u1', ''), ASK],
  'a password without a user': [handshake('PLAIN'), plain('', 'u1'), ASK],
  'an identity of one’s own': [handshake('PLAIN'), plain('u1', 'u1', 'u1'), ASK],
  'an identity of another': [handshake('PLAIN'), plain('u1', 'u1', 'u2'), ASK],
  'a token of two parts': [handshake('PLAIN'), token('u1\0u1')],
  'a token of four parts': [handshake('PLAIN'), token('\0u1\0u1\0x')],
  'a token of one part': [handshake('PLAIN'), token('u1')],
  'an empty token': [handshake('PLAIN'), token('')],
  'a token after the login': [handshake('PLAIN'), plain('u1'), plain('u1'), ASK],
  'a handshake after the login': [handshake('PLAIN'), plain('u1'), handshake('PLAIN'), ASK],
  'a login again': [handshake('PLAIN'), plain('u1'), handshake('PLAIN'), plain('u1'), ASK],
  'a login again as another': [handshake('PLAIN'), plain('u1'), handshake('PLAIN'), plain('u2'), ASK],
  'a login again by another mechanism': [handshake('PLAIN'), plain('u1'), handshake('SCRAM-SHA-256'), ASK],
  'a login again, wrong': [handshake('PLAIN'), plain('u1'), handshake('PLAIN'), plain('u1', 'wrong'), ASK],
  'a question within a login again': [handshake('PLAIN'), plain('u1'), handshake('PLAIN'), ASK],
  SCRAM: [scram('secret'), ASK],
  'SCRAM, wrong password': [scram('wrong'), ASK],
  'SCRAM, unknown user': [scram('wrong', 'nobody'), ASK],
  'SCRAM, a user of PLAIN': [scram('u1', 'u1'), ASK],
  'SCRAM, a token that is none': [scram('wrong', 'nobody', ',tokenauth=true'), ASK],
  'SCRAM, a first message of nothing': [handshake('SCRAM-SHA-256'), token('')],
  'SCRAM, a first message of noise': [handshake('SCRAM-SHA-256'), token('hello')],
  'SCRAM, channel binding': [handshake('SCRAM-SHA-256'), token('p=tls-unique,,n=scram,r=abc')],
  'SCRAM, channel binding not used': [handshake('SCRAM-SHA-256'), token('y,,n=scram,r=abc')],
  'SCRAM, no nonce': [handshake('SCRAM-SHA-256'), token('n,,n=scram')],
  'SCRAM, an identity of another': [handshake('SCRAM-SHA-256'), token('n,a=u1,n=scram,r=abc')],
  'SCRAM, an unknown extension': [handshake('SCRAM-SHA-256'), token('n,,m=x,n=scram,r=abc')],
  'SCRAM, a final message of noise': [handshake('SCRAM-SHA-256'), token('n,,n=scram,r=abc'), token('hello')],
  'SCRAM, a final message with another nonce': [
    handshake('SCRAM-SHA-256'),
    token('n,,n=scram,r=abc'),
    token('c=biws,r=abcd,p=AAAA'),
  ],
};
