// GET by Node's fetch, with a limit on time and size.
import type { Web } from '../runtime.ts';

export const nodeWeb: Web = {
  async text(url, { bytesMax, timeoutMs }) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
    if (!answer.ok || !answer.body) throw new Error(`${url} answered ${answer.status}`);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of answer.body) {
      bytes += part.length;
      if (bytes > bytesMax) throw new Error(`${url} answered with more than ${bytesMax} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
  },
};
