// The structure of the house as a check: who may import whom, where the outside world may be touched, how files are named.
// `tidy(root)` returns one sentence for each violation; `npm test` fails when there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A file imports from its own folder or from folders of a lower rank; what has to go upwards is a callback. */
export const RANKS: Readonly<Record<string, number>> = {
  runtime: 0,
  metrics: 0.5,
  protocol: 1,
  records: 2,
  'object-store': 3,
  metadata: 4,
  // With settings.ts, the file beside it, one room.
  settings: 4.5,
  client: 5,
  // Below the settings, which check what it would choke on.
  security: 4.4,
  quota: 4.4,
  cluster: 5,
  storage: 6,
  partition: 7,
  coordinator: 7.5,
  group: 8,
  transaction: 8,
  apis: 9,
  server: 10,
  http: 10,
  cli: 11,
};

/** Files directly below src. The command line stands on the public face; everything else must not look up to these. */
const ROOT_FILE_RANKS: Readonly<Record<string, number>> = {
  'cleaner-thread.ts': 6.5,
  'broker.ts': 10.5,
  'index.ts': 10.6,
  'testing.ts': 10.7,
};

const FORBIDDEN_NAMES = /(^|-)(manager|helper|helpers|util|utils|common|base|impl|handler)(-|\.|$)/;
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.(golden|property))?(\.(test|suite))?\.ts$/;

interface WorldRule {
  readonly pattern: RegExp;
  readonly what: string;
  /** Folders besides runtime/ that may do it. */
  readonly allowedIn?: readonly string[];
}

/** Only runtime/ reads clocks, draws random numbers, sets timers, opens files and sockets. */
const WORLD_RULES: readonly WorldRule[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, what: 'reads the clock' },
  { pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/, what: 'reads the clock' },
  { pattern: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, what: 'draws a random number' },
  { pattern: /\bset(Timeout|Interval|Immediate)\s*\(/, what: 'sets a timer' },
  {
    pattern:
      /from 'node:(fs|fs\/promises|net|tls|dgram|http|https|http2|dns|os|timers|timers\/promises|worker_threads|child_process|perf_hooks|cluster)'/,
    what: 'imports a module of the outside world',
  },
  { pattern: /\bprocess\.(stdin|stdout|stderr|env|argv|exit|on)\b/, what: 'touches the process', allowedIn: ['cli'] },
];

export function tidy(root: string): string[] {
  const problems: string[] = [];
  for (const file of sourceFiles(path.join(root, 'src'))) {
    const name = path.relative(path.join(root, 'src'), file).split(path.sep).join('/');
    const text = readFileSync(file, 'utf8');
    problems.push(...checkName(name), ...checkImports(name, text));
    // Tests stand beside what they test, tell it in their titles, and may touch the world to set a scene.
    if (!isTest(name)) problems.push(...checkOpening(name, text), ...checkWorld(name, text));
  }
  return problems;
}

/** The rooms that have something in them, with their ranks, in one line. */
export function ranksTable(root: string): string {
  return Object.entries(RANKS)
    .filter(([room]) => existsSync(path.join(root, 'src', room)))
    .map(([room, rank]) => `${room} ${rank}`)
    .join(', ');
}

function checkName(name: string): string[] {
  const file = path.posix.basename(name);
  if (!FILE_NAME.test(file)) return [`src/${name}: file names are kebab-case, with .test or .suite before .ts at most`];
  if (FORBIDDEN_NAMES.test(file)) return [`src/${name}: a name says what the file holds; this one says nothing`];
  const known = roomOf(name) in RANKS || (!name.includes('/') && (isTest(file) || file in ROOT_FILE_RANKS));
  return known ? [] : [`src/${name}: scripts/tidy.ts does not know this room; give it a rank`];
}

function checkOpening(name: string, text: string): string[] {
  return text.startsWith('//') || text.startsWith('/*')
    ? []
    : [`src/${name}: a file opens with a sentence on what lives in it`];
}

function checkImports(name: string, text: string): string[] {
  const problems: string[] = [];
  // A test stands beside its subject and may set the scene with any room below the command line.
  if (isTest(name)) return problems;
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = path.posix.normalize(path.posix.join(path.posix.dirname(name), match[1] ?? ''));
    if (target.startsWith('..')) {
      problems.push(`src/${name}: imports ${match[1]}, which is outside src`);
    } else if (roomOf(target) !== roomOf(name) && rankOf(target) >= rankOf(name)) {
      problems.push(`src/${name} (rank ${rankOf(name)}) must not import ${target} (rank ${rankOf(target)})`);
    }
  }
  return problems;
}

function checkWorld(name: string, text: string): string[] {
  const room = roomOf(name);
  if (room === 'runtime') return [];
  const code = withoutComments(text);
  return WORLD_RULES.filter((rule) => rule.pattern.test(code) && !(rule.allowedIn ?? []).includes(room)).map(
    (rule) => `src/${name}: ${rule.what} (${rule.pattern.exec(code)?.[0]}); only runtime/ may`,
  );
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '');
}

/** The folder, or for a file beside a folder of its name that folder, or the file itself. */
function roomOf(name: string): string {
  if (name.includes('/')) return name.split('/')[0] ?? '';
  const room = name.replace(/(\.test)?\.ts$/, '');
  return room in RANKS ? room : name;
}

function rankOf(name: string): number {
  return RANKS[roomOf(name)] ?? ROOT_FILE_RANKS[name] ?? Number.POSITIVE_INFINITY;
}

function isTest(name: string): boolean {
  return name.endsWith('.test.ts') || name.endsWith('.suite.ts');
}

function sourceFiles(directory: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) found.push(...sourceFiles(full));
    else if (entry.name.endsWith('.ts')) found.push(full);
  }
  return found.sort();
}
