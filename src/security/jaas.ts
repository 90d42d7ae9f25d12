// The text of `sasl.jaas.config`: `module.Class required name="value" …;`, several of them in a row. Values may be quoted;
// inside quotes `\"` and `\\` are escapes.

export interface JaasEntry {
  readonly module: string;
  readonly options: ReadonlyMap<string, string>;
}

export const PLAIN_LOGIN_MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';
export const SCRAM_LOGIN_MODULE = 'org.apache.kafka.common.security.scram.ScramLoginModule';
export const OAUTHBEARER_LOGIN_MODULE = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule';

const FLAGS = /^(required|requisite|sufficient|optional)$/i;
const TOKEN = /\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([^\s"'=;]+)|([=;]))/sy;

/** Throws an Error that says where the text stops making sense, never what stands there: it holds passwords. */
export function parseJaas(text: string): JaasEntry[] {
  const tokens = tokensOf(text);
  const entries: JaasEntry[] = [];
  let at = 0;
  while (at < tokens.length) {
    const module = tokens[at++]!;
    if (module === '=' || module === ';') throw new Error('a login module is missing');
    if (!FLAGS.test(tokens[at++] ?? '')) throw new Error(`${module} is not followed by "required"`);
    const options = new Map<string, string>();
    while (tokens[at] !== ';') {
      const [name, equals, value] = tokens.slice(at, at + 3);
      if (name === undefined) throw new Error(`the options of ${module} do not end with ";"`);
      if (equals !== '=' || value === undefined) throw new Error(`an option of ${module} is not name="value"`);
      options.set(name, value);
      at += 3;
    }
    at++;
    entries.push({ module, options });
  }
  return entries;
}

/** The users of a PLAIN entry: `user_alice="password"`. */
export function plainUsers({ options }: JaasEntry): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [name, value] of options) if (name.startsWith('user_')) users.set(name.slice('user_'.length), value);
  return users;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (!match) throw new Error('a quote is not closed');
    const quoted = match[1] ?? match[2];
    tokens.push(quoted !== undefined ? quoted.replace(/\\(.)/gs, '$1') : (match[3] ?? match[4])!);
  }
  return tokens;
}
