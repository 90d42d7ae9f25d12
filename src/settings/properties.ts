// Java's .properties format (java.util.Properties.load): comments, `=` `:` or blanks between key and value, `\` escapes,
// lines continued by a trailing `\`. A byte order mark is skipped; text is UTF-8.

/** Later lines win over earlier ones. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of logicalLines(text.replace(/^\uFEFF/, ''))) {
    const { key, value } = splitLine(line);
    properties.set(key, value);
  }
  return properties;
}

/** Lines without comments and blank ones, continuations joined; the blanks before a line or its continuation are gone. */
function* logicalLines(text: string): Generator<string> {
  let pending: string | undefined;
  for (const raw of text.split(/\r\n|\n|\r/)) {
    const line = raw.replace(/^[ \t\f]+/, '');
    if (pending === undefined && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const whole: string = (pending ?? '') + line;
    if (endsWithOpenBackslash(line)) pending = whole.slice(0, -1);
    else {
      pending = undefined;
      yield whole;
    }
  }
  if (pending !== undefined) yield pending;
}

function endsWithOpenBackslash(line: string): boolean {
  return (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

function splitLine(line: string): { key: string; value: string } {
  let end = 0;
  while (end < line.length && !/[=: \t\f]/.test(line[end] as string)) end += line[end] === '\\' ? 2 : 1;
  end = Math.min(end, line.length);
  const rest = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
  return { key: withoutEscapes(line.slice(0, end)), value: withoutEscapes(rest) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function withoutEscapes(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.|$)/gs, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return ESCAPES[escaped] ?? escaped;
  });
}
