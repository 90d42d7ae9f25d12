// How a command ends badly: one sentence that says what to do, and an exit code. Expected failures carry their own
// sentence; faults of the world (files, network, broker) bring theirs; anything else is a bug and shows its stack.
import { ClientError } from '../client/client-error.ts';
import { remedyFor } from './remedies.ts';

/** 1: it did not work. 2: the command line itself was wrong. */
export type ExitCode = 1 | 2;

export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = 1, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
  }
}

/** A mistake in the arguments that the parser could not see. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(message, 2);
}

/** What goes to standard error, without the leading `ottla: `. */
export function sentenceFor(error: unknown): string {
  if (error instanceof CommandFailure) return error.message;
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  if (error instanceof ClientError && !error.message.includes(';')) {
    const remedy = remedyFor(error.errorCode);
    if (remedy !== undefined) return `${error.message}; ${remedy}.`;
  }
  if (error instanceof Error && code !== undefined) return error.message;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `this is a bug in Ottla, please report it with these lines:\n${stack}`;
}

export function exitCodeFor(error: unknown): ExitCode {
  return error instanceof CommandFailure ? error.exitCode : 1;
}
