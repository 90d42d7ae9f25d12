// The backslash escapes that people write in shell arguments: \n \t \r \0 \\ and \xHH (one byte).

/** The bytes that an argument stands for. */
export function unescapeBytes(text: string): Buffer {
  const pieces: Buffer[] = [];
  let plainFrom = 0;
  const escapes = /\\(?:x([0-9a-fA-F]{2})|(.))/gsu;
  for (const match of text.matchAll(escapes)) {
    pieces.push(Buffer.from(text.slice(plainFrom, match.index)), escaped(match));
    plainFrom = match.index + match[0].length;
  }
  pieces.push(Buffer.from(text.slice(plainFrom)));
  return Buffer.concat(pieces);
}

function escaped(match: RegExpMatchArray): Buffer {
  const [whole, hex, letter] = match;
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  const named: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0', '\\': '\\' };
  return Buffer.from(named[letter ?? ''] ?? whole);
}
