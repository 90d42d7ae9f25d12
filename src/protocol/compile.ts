// Turns the definition of a struct into a decode and an encode function for one version, as JavaScript source that the
// engine compiles like code written by hand. One function per struct; each gives objects of one shape, whatever the
// version, with fields in the order of the definition. Only names and numbers of our own definitions reach the source.
import { ProtocolError } from './protocol-error.ts';
import type { Reader } from './reader.ts';
import { type Field, type Fields, type FieldType, includesVersion } from './schema.ts';
import { ZERO_UUID } from './uuid.ts';
import type { Writer } from './writer.ts';

export interface Codec {
  decode(reader: Reader): unknown;
  encode(writer: Writer, message: unknown): void;
}

/** `exact` compiles the exact mode (message.ts). */
export function compile(fields: Fields, version: number, flexible: boolean, exact: boolean): Codec {
  const source = new Source(version, flexible, exact);
  const [decode, encode] = [source.decoder(fields), source.encoder(fields)];
  const code = `'use strict';\n${source.functions.join('\n')}\nreturn { decode: ${decode}, encode: ${encode} };`;
  return new Function('EMPTY', 'ProtocolError', code)(Buffer.alloc(0), ProtocolError) as Codec;
}

/** The smallest number of bytes of each scalar. */
const BYTES = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  exactInt64: 8,
  float64: 8,
  uuid: 16,
} as const;

/** Elements that take no object of their own. */
const NUMBERS: ReadonlySet<FieldType> = new Set(['bool', 'int8', 'int16', 'uint16', 'int32', 'uint32']);

class Source {
  readonly functions: string[] = [];
  readonly #version: number;
  readonly #flexible: boolean;
  readonly #exact: boolean;
  readonly #decoders = new Map<Fields, string>();
  readonly #encoders = new Map<Fields, string>();

  constructor(version: number, flexible: boolean, exact: boolean) {
    this.#version = version;
    this.#flexible = flexible;
    this.#exact = exact;
  }

  /** Adds the function that decodes a struct of these fields, and gives its name. */
  decoder(fields: Fields): string {
    const known = this.#decoders.get(fields);
    if (known !== undefined) return known;
    const lines: string[] = [];
    for (const [name, field] of Object.entries(fields)) {
      if (this.#inLine(field)) lines.push(...this.#decodeInto(`let ${variable(name)}`, field, false));
      else lines.push(`let ${variable(name)} = ${this.#absent(field)};`);
    }
    if (this.#flexible) lines.push(...this.#decodeTags(fields));
    const names = Object.keys(fields).map((name) => `${name}: ${variable(name)}`);
    lines.push(`const message = { ${names.join(', ')} };`);
    if (this.#exact && this.#flexible) lines.push('if (unknownTags !== null) message.unknownTags = unknownTags;');
    const name = `decode${this.#decoders.size}`;
    this.#decoders.set(fields, name);
    this.functions.push(`function ${name}(r) {\n  ${lines.join('\n  ')}\n  return message;\n}`);
    return name;
  }

  #decodeTags(fields: Fields): string[] {
    const tagged = this.#tagged(fields);
    if (tagged.length === 0 && !this.#exact) return ['r.skipTags();'];
    const cases = tagged.map(
      ([name, field]) =>
        `case ${field.options.tag}: ${this.#decodeInto(variable(name), field, true).join(' ')} r.endTag(end); break;`,
    );
    const unknown = this.#exact
      ? '(unknownTags ??= []).push({ tag, bytes: r.view(end - r.position) });'
      : 'r.position = end;';
    return [
      ...(this.#exact ? ['let unknownTags = null;'] : []),
      'for (let tags = r.uvarint(); tags > 0; tags--) {',
      '  const tag = r.uvarint(), end = r.tagEnd();',
      `  switch (tag) { ${cases.join(' ')} default: ${unknown} }`,
      '}',
    ];
  }

  /** Statements that read a field into `target`, which is a variable or its declaration. */
  #decodeInto(target: string, field: Field, tagged: boolean): string[] {
    const prefix = this.#prefix(field);
    const nullable = this.#nullable(field);
    if (field.type === 'struct') {
      const read = `${this.decoder(field.fields!)}(r)`;
      if (!nullable) return [`${target} = ${read};`];
      // In a tagged field the mark is an unsigned varint with 0 for null, elsewhere an int8 below 0.
      return [`${target} = ${tagged ? 'r.uvarint() === 0' : 'r.int8() < 0'} ? null : ${read};`];
    }
    if (field.type === 'array') {
      const element = field.element!;
      const list = target.replace(/^let /, '');
      const method = prefix(nullable ? 'nullableArrayLength' : 'arrayLength');
      const count = `r.${method}(${this.#bytesMin(element)}, ${NUMBERS.has(element.type) ? 0 : 1})`;
      const read = this.#readElement(element);
      // Most lists have one element, and a push to an empty array makes room for seventeen.
      const begun = `${list}Count === 0 ? [] : [${read}]`;
      return [
        `let ${list}Count = ${count};`,
        `${target} = ${nullable ? `${list}Count < 0 ? null : ${begun}` : begun};`,
        `for (; ${list}Count > 1; ${list}Count--) ${list}.push(${read});`,
      ];
    }
    return [`${target} = ${this.#readScalar(field)};`];
  }

  /** Source of what decoding gives for a field that is not there. */
  #absent(field: Field): string {
    return this.#exact && field.options.default === LONG_MAX ? EXACT_LONG_MAX : defaultOf(field);
  }

  #readElement(element: Field): string {
    return element.type === 'struct' ? `${this.decoder(element.fields!)}(r)` : this.#readScalar(element);
  }

  #readScalar(field: Field): string {
    const prefix = this.#prefix(field);
    if (field.type === 'string') return `r.${prefix(this.#nullable(field) ? 'nullableString' : 'string')}()`;
    if (field.type === 'bytes' || field.type === 'records') {
      return `r.${prefix(this.#nullable(field) ? 'nullableByteArray' : 'byteArray')}()`;
    }
    if (field.type === 'exactInt64') return 'r.bigInt64()';
    return this.#exact && field.type === 'int64' ? 'r.exactInt64()' : `r.${field.type}()`;
  }

  /** Adds the function that encodes a struct of these fields, and gives its name. */
  encoder(fields: Fields): string {
    const known = this.#encoders.get(fields);
    if (known !== undefined) return known;
    const lines: string[] = [];
    for (const [name, field] of Object.entries(fields)) {
      if (!this.#inLine(field)) continue;
      lines.push(`const ${variable(name)} = ${orDefault(name, field)};`, this.#encodeFrom(variable(name), 'w', field));
    }
    if (this.#flexible) lines.push(...this.#encodeTags(fields));
    const name = `encode${this.#encoders.size}`;
    this.#encoders.set(fields, name);
    this.functions.push(`function ${name}(w, message) {\n  ${lines.join('\n  ')}\n}`);
    return name;
  }

  /** A tagged field is written when it is not at its default, in the order of the tags. */
  #encodeTags(fields: Fields): string[] {
    const tagged = this.#tagged(fields);
    const count = ['0'];
    const lines = ['w.uvarint(tags);'];
    const before: string[] = [];
    if (this.#exact) {
      before.push('const unknownTags = message.unknownTags ?? [];', 'let unknownTag = 0;');
      count.push('unknownTags.length');
    }
    for (const [name, field] of tagged) {
      const value = variable(name);
      before.push(`const ${value} = ${orDefault(name, field)};`, `const ${value}Sent = !(${isDefault(value, field)});`);
      count.push(`(${value}Sent ? 1 : 0)`);
      if (this.#exact) lines.push(`unknownTag = w.unknownTags(unknownTags, unknownTag, ${field.options.tag});`);
      const body = this.#encodeFrom(value, 'tagged', field, true);
      lines.push(`if (${value}Sent) { const tagged = w.openTag(); ${body} w.tag(${field.options.tag}, tagged); }`);
    }
    if (this.#exact) lines.push('w.unknownTags(unknownTags, unknownTag, Infinity);');
    return [...before, `const tags = ${count.join(' + ')};`, ...lines];
  }

  #encodeFrom(value: string, writer: string, field: Field, tagged = false): string {
    const prefix = this.#prefix(field);
    const nullable = this.#nullable(field);
    if (field.type === 'struct') {
      const write = `${this.encoder(field.fields!)}(${writer}, ${value});`;
      const notNull = `if (${value} === null) throw new ProtocolError('unencodable', 'null for a struct');`;
      if (!nullable) return `${notNull} ${write}`;
      const mark = tagged ? ['uvarint(0)', 'uvarint(1)'] : ['int8(-1)', 'int8(1)'];
      return `if (${value} === null) ${writer}.${mark[0]}; else { ${writer}.${mark[1]}; ${write} }`;
    }
    if (field.type === 'array') {
      const element = field.element!;
      const length = `${writer}.${prefix(nullable ? 'nullableArrayLength' : 'arrayLength')}(${value});`;
      const loop = `for (let i = 0; i < ${value}.length; i++) { ${this.#writeElement(`${value}[i]`, writer, element)} }`;
      return nullable ? `${length} if (${value} !== null) ${loop}` : `${length} ${loop}`;
    }
    return this.#writeScalar(value, writer, field);
  }

  #writeElement(value: string, writer: string, element: Field): string {
    return element.type === 'struct'
      ? `${this.encoder(element.fields!)}(${writer}, ${value});`
      : this.#writeScalar(value, writer, element);
  }

  #writeScalar(value: string, writer: string, field: Field): string {
    const prefix = this.#prefix(field);
    const nullable = this.#nullable(field);
    if (field.type === 'string') return `${writer}.${prefix(nullable ? 'nullableString' : 'string')}(${value});`;
    if (field.type === 'bytes' || field.type === 'records') {
      return `${writer}.${prefix(nullable ? 'nullableByteArray' : 'byteArray')}(${value});`;
    }
    // The signed writers keep the low bits, which is what the unsigned types need.
    return `${writer}.${field.type.replace(/^uint|^exactInt/, 'int')}(${value});`;
  }

  /** The least bytes a value can take: what a declared count is checked against. Never 0, or counts would be free. */
  #bytesMin(field: Field): number {
    if (field.type === 'struct') {
      let sum = this.#flexible ? 1 : 0;
      for (const inner of Object.values(field.fields!)) if (this.#inLine(inner)) sum += this.#bytesMinInStruct(inner);
      if (sum === 0) throw new Error('a struct without bytes cannot be the element of an array');
      return sum;
    }
    if (field.type === 'string') return this.#compact(field) ? 1 : 2;
    if (field.type === 'bytes' || field.type === 'records' || field.type === 'array') {
      return this.#compact(field) ? 1 : 4;
    }
    return BYTES[field.type];
  }

  #bytesMinInStruct(field: Field): number {
    return field.type === 'struct' && this.#nullable(field) ? 1 : this.#bytesMin(field);
  }

  #present(field: Field): boolean {
    const { versions } = field.options;
    return versions === undefined || includesVersion(versions, this.#version);
  }

  #inLine(field: Field): boolean {
    return this.#present(field) && field.options.tag === undefined;
  }

  #tagged(fields: Fields): [string, Field][] {
    return Object.entries(fields)
      .filter(([, field]) => field.options.tag !== undefined && this.#present(field))
      .sort(([, a], [, b]) => a.options.tag! - b.options.tag!);
  }

  #nullable(field: Field): boolean {
    const { nullable } = field.options;
    return nullable === true || (nullable !== undefined && includesVersion(nullable, this.#version));
  }

  #compact(field: Field): boolean {
    return this.#flexible && field.options.compact !== false;
  }

  #prefix(field: Field): (method: string) => string {
    return this.#compact(field)
      ? (method) => `compact${method[0]!.toUpperCase()}${method.slice(1)}`
      : (method) => method;
  }
}

const LONG_MAX = 2 ** 63;
const EXACT_LONG_MAX = '9223372036854775807n';

/** Fields may have names that are words of JavaScript. */
function variable(name: string): string {
  return `$${name}`;
}

function orDefault(name: string, field: Field): string {
  return `message.${name} === undefined ? ${defaultOf(field)} : message.${name}`;
}

/** Source of a fresh default value. */
function defaultOf(field: Field): string {
  const value = field.options.default;
  if (field.type === 'exactInt64') return `${value ?? 0}n`;
  if (value !== undefined) return JSON.stringify(value);
  switch (field.type) {
    case 'bool':
      return 'false';
    case 'uuid':
      return JSON.stringify(ZERO_UUID);
    case 'string':
      return "''";
    case 'bytes':
    case 'records':
      return 'EMPTY';
    case 'array':
      return '[]';
    case 'struct':
      return `{ ${Object.entries(field.fields!)
        .map(([name, inner]) => `${name}: ${defaultOf(inner)}`)
        .join(', ')} }`;
    default:
      return '0';
  }
}

/** Source of a condition: the value equals the default. */
function isDefault(value: string, field: Field): string {
  if (field.options.default === null) return `${value} === null`;
  const notNull = field.options.nullable === undefined ? '' : `${value} !== null && `;
  switch (field.type) {
    case 'bytes':
    case 'array':
      return `${notNull}${value}.length === 0`;
    case 'records':
      throw new Error(`${field.type} cannot be a tagged field`);
    case 'struct': {
      const same = Object.entries(field.fields!).map(([name, inner]) => {
        const property = `${value}.${name}`;
        return `(${property} === undefined || (${isDefault(property, inner)}))`;
      });
      return `${notNull}${same.join(' && ')}`;
    }
    case 'exactInt64':
    case 'int64':
      // A bigint may stand for a number: 0n == 0. Long.MAX_VALUE as a number is 2^63.
      return field.options.default === LONG_MAX
        ? `(${value} >= ${LONG_MAX} || ${value} === ${EXACT_LONG_MAX})`
        : `${value} == ${defaultOf(field)}`;
    default:
      return `${value} === ${defaultOf(field)}`;
  }
}
