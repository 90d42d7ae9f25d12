// Tokens of a login after a SaslHandshake of version 0: frames without Kafka's headers, both ways (KIP-152 ended that). A login
// that fails has no answer the client could read; its connection closes.
import { sleep, type Timers } from '../runtime/runtime.ts';
import type { SaslSession } from '../security/sasl-session.ts';

/** The frame to answer with, or undefined when the connection must close. */
export async function rawLogin(
  sasl: SaslSession,
  token: Buffer,
  timers: Timers,
  failedLoginDelayMs: number,
): Promise<readonly Buffer[] | undefined> {
  const answer = await sasl.authenticate(token);
  if (!('token' in answer)) {
    await sleep(timers, failedLoginDelayMs);
    return undefined;
  }
  const size = Buffer.alloc(4);
  size.writeInt32BE(answer.token.length);
  return [size, answer.token];
}
