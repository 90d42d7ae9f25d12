// The `ottla` command: builds the parser from one file per command, runs one of them, and turns what goes wrong into one
// sentence and an exit code. The process ends by itself when everything is written; nothing here calls process.exit,
// except the second Ctrl-C.
import { nodeRuntime } from '../runtime/node/node-runtime.ts';
import { exitCodeFor, sentenceFor } from './command-failure.ts';
import { Command, CommanderError } from './commander.ts';
import { Output } from './output.ts';
import { packageVersion, versionCommand } from './version.ts';
import type { CommandWorld } from './world.ts';

/** `begunMs`: the process's uptime when the command began, in case something (setting up a clone) came before it. */
export async function main(args: readonly string[], begunMs = 0): Promise<void> {
  const letGo = stayAlive();
  process.exitCode = await run(args, processWorld(begunMs));
  letGo();
  // A command that ended early leaves its input unread; an open pipe would keep the process waiting.
  process.stdin.destroy();
}

/** Timers of the runtime never keep a process alive, but a command that only waits for one (a retry) must not vanish. */
function stayAlive(): () => void {
  const { port1 } = new MessageChannel();
  port1.ref();
  return () => port1.close();
}

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[], world: CommandWorld): Promise<number> {
  const program = await buildProgram(args, world);
  try {
    refuseUnknownCommand(program, args);
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    world.errors.line(`ottla: ${sentenceFor(error)}`);
    return exitCodeFor(error);
  }
}

type MakeCommand = (world: CommandWorld) => Command;

/** In the order of the help. Loaded when needed: the broker is much code for a command that lists topics. */
const COMMANDS: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand,
  topic: async () => (await import('./topic.ts')).topicCommand,
  produce: async () => (await import('./produce.ts')).produceCommand,
  consume: async () => (await import('./consume.ts')).consumeCommand,
  group: async () => (await import('./group.ts')).groupCommand,
  transaction: async () => (await import('./transaction.ts')).transactionCommand,
  config: async () => (await import('./config.ts')).configCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  inspect: async () => (await import('./inspect.ts')).inspectCommand,
  fork: async () => (await import('./fork.ts')).forkCommand,
  version: async () => versionCommand,
};

async function buildProgram(args: readonly string[], world: CommandWorld): Promise<Command> {
  const program = new Command('ottla')
    .description('A message broker that speaks the Apache Kafka protocol.')
    .version(`ottla ${await packageVersion(world)}`, '-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES);
  for (const name of neededCommands(args)) {
    const makeCommand = await COMMANDS[name]?.();
    if (makeCommand !== undefined) program.addCommand(makeCommand(world), { isDefault: name === 'serve' });
  }
  settleParsers(program, world);
  return program;
}

/** The one that is called; all of them for a help text. */
function neededCommands(args: readonly string[]): string[] {
  const first = args[0] ?? 'serve';
  if (Object.hasOwn(COMMANDS, first)) return [first];
  const forServe = first.startsWith('-') && !['-h', '--help', '-V', '--version'].includes(first);
  return forServe ? ['serve'] : Object.keys(COMMANDS);
}

const EXAMPLES = `
Examples:
  ottla                                      start a broker on 127.0.0.1:9092, data in ./ottla-data
  ottla topic create orders --partitions 4
  ottla produce orders < lines.txt           one record for each line
  ottla consume orders                       print them, one a line
  ottla help consume                         more on one command`;

/** Every parser, at every depth: writes through our streams, and throws instead of ending the process. */
function settleParsers(command: Command, world: CommandWorld): void {
  command.exitOverride();
  command.showSuggestionAfterError(true);
  command.helpOption('-h, --help', 'print this help');
  if (command.commands.length > 0) command.helpCommand('help [command]', 'print the help of a command');
  command.configureOutput({
    writeOut: (text) => world.output.write(text),
    writeErr: (text) => world.errors.write(text),
    outputError: (text, write) => write(`ottla: ${oneSentence(text)}\n`),
    getOutHelpWidth: () => Math.min(world.output.columns, 120),
    getErrHelpWidth: () => Math.min(world.errors.columns, 120),
  });
  for (const child of command.commands) settleParsers(child, world);
}

/** What the parser says on several lines and in its own words, as one sentence. */
function oneSentence(text: string): string {
  const sentence = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\.?\n\(Did you mean (.*)\?\)$/, '; did you mean $1?')
    .replace(/^command-argument value '(.*)' is invalid for argument '(.*?)'\./, "'$1' is not a $2.");
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}; --help shows how it is written.`;
}

/** The default command takes options only, so a first word that is no command is a mistake: say so before it is parsed. */
function refuseUnknownCommand(program: Command, args: readonly string[]): void {
  const first = args[0];
  if (first === undefined || first.startsWith('-') || first === 'help' || Object.hasOwn(COMMANDS, first)) return;
  program.error(`error: unknown command '${first}'; the commands are ${Object.keys(COMMANDS).join(', ')}.`);
}

function processWorld(begunMs: number): CommandWorld {
  return {
    runtime: nodeRuntime(),
    input: process.stdin,
    output: new Output(process.stdout),
    errors: new Output(process.stderr),
    env: process.env,
    workingDirectory: process.cwd(),
    uptimeMs: () => process.uptime() * 1000 - begunMs,
    interrupted: interruption(),
  };
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: 'SIGINT' | 'SIGTERM', exitCode: number) => {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCode);
      controller.abort(signal);
    });
  };
  stop('SIGINT', 130);
  stop('SIGTERM', 143);
  return controller.signal;
}
