// Transcripts: text files of commands and the narrative that each must give, written for people who learn a protocol.
//
//     # A comment, wherever a command could stand.
//     join alice protocols=range,roundrobin timeout=30s
//     ----
//     what happened, as the test's `execute` tells it; ends at an empty line
//
// A command is a line: a verb, then words and `name=value` pairs (a value with blanks stands in double quotes). Several
// commands above one `----` are executed together; below it each stands again before its narrative. With OTTLA_REWRITE=1 the files are
// written anew with what happened; read the difference before you commit it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { repositoryPath } from '../repository.ts';

const RULE = '----';

export class Command {
  readonly text: string;
  readonly verb: string;
  /** Words without `=`, after the verb. */
  readonly words: readonly string[];
  readonly #pairs = new Map<string, string>();

  constructor(text: string) {
    this.text = text;
    const words = text.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
    const plain: string[] = [];
    for (const word of words.map((each) => each.replaceAll('"', ''))) {
      const at = word.indexOf('=');
      if (at > 0) this.#pairs.set(word.slice(0, at), word.slice(at + 1));
      else plain.push(word);
    }
    this.verb = plain[0] ?? '';
    this.words = plain.slice(1);
  }

  /** The first word after the verb. */
  get subject(): string {
    const [subject] = this.words;
    assert.ok(subject !== undefined, `"${this.text}" names nobody`);
    return subject;
  }

  has(name: string): boolean {
    return this.#pairs.has(name);
  }

  string(name: string): string | undefined;
  string(name: string, otherwise: string): string;
  string(name: string, otherwise?: string): string | undefined {
    return this.#pairs.get(name) ?? otherwise;
  }

  number(name: string, otherwise: number): number {
    const text = this.#pairs.get(name);
    return text === undefined ? otherwise : number(text);
  }

  /** `a,b` → ['a', 'b']; an empty value is an empty list. */
  list(name: string, otherwise: readonly string[] = []): readonly string[] {
    const text = this.#pairs.get(name);
    if (text === undefined) return otherwise;
    return text === '' ? [] : text.split(',');
  }

  /** A time as `250ms`, `3s` or `5m`, in milliseconds. */
  duration(name: string, otherwiseMs: number): number {
    const text = this.#pairs.get(name);
    return text === undefined ? otherwiseMs : durationMs(text);
  }
}

export function durationMs(text: string): number {
  const match = /^(\d+)(ms|s|m)$/.exec(text);
  assert.ok(match, `"${text}" is no time: 250ms, 3s, 5m`);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as 'ms' | 's' | 'm'];
}

/** 250 → '250ms', 3000 → '3s', 300000 → '5m'. */
export function durationText(ms: number): string {
  if (ms !== 0 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms !== 0 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** The lines that tell what a command did; none is told as "(nothing)". */
export type Execute = (command: Command) => readonly string[];

/** One test for each `*.txt` of test/transcripts/<folder>; `begin` gives each file a world of its own. */
export function testTranscripts(folder: string, begin: () => Execute): void {
  const directory = repositoryPath('test', 'transcripts', folder);
  const files = readdirSync(directory).filter((name) => name.endsWith('.txt'));
  assert.ok(files.length > 0, `no transcripts in ${directory}`);
  for (const name of files.sort()) {
    const file = join(directory, name);
    const text = readFileSync(file, 'utf8');
    test(`${folder}: ${titleOf(text) ?? basename(name, '.txt')}`, () => {
      const told = retell(text, begin());
      if (process.env.OTTLA_REWRITE === '1') writeFileSync(file, told);
      else assert.equal(told, text);
    });
  }
}

/** The text with every narrative replaced by what really happens. */
export function retell(text: string, execute: Execute): string {
  const lines = text.split('\n');
  const told: string[] = [];
  let commands: Command[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    told.push(line);
    if (line === RULE) {
      for (const command of commands) {
        if (commands.length > 1) told.push(`> ${command.text}`);
        told.push(...narrative(execute, command));
      }
      commands = [];
      while (i + 1 < lines.length && lines[i + 1] !== '') i++;
    } else if (line !== '' && !line.startsWith('#')) {
      commands.push(new Command(line));
    }
  }
  assert.equal(commands.length, 0, `the transcript ends before a ${RULE} that follows "${commands[0]?.text}"`);
  return told.join('\n');
}

function narrative(execute: Execute, command: Command): readonly string[] {
  const told = execute(command);
  assert.ok(
    told.every((line) => line !== '' && !line.includes('\n')),
    `what "${command.text}" tells must be lines with something in them`,
  );
  return told.length === 0 ? ['(nothing)'] : told;
}

function titleOf(text: string): string | undefined {
  return /^# (.+)/.exec(text)?.[1];
}

function number(text: string): number {
  const value = Number(text);
  assert.ok(text !== '' && Number.isFinite(value), `"${text}" is no number`);
  return value;
}
