// What a command may touch: the runtime, the three streams of its process, its environment, and the wish to stop.
import type { Runtime } from '../runtime/runtime.ts';
import type { Output } from './output.ts';

export interface CommandWorld {
  readonly runtime: Runtime;
  readonly input: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean | undefined };
  readonly output: Output;
  readonly errors: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The directory that relative paths start from. */
  readonly workingDirectory: string;
  /** Milliseconds since the command began, for the line that says how long a start took. */
  uptimeMs(): number;
  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
  readonly interrupted: AbortSignal;
}
