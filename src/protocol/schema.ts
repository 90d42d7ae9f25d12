// The language in which messages are defined: one constructor per wire type, each with the versions it exists in.
// A definition is plain data (compile.ts turns it into functions) that carries two TypeScript types: what decoding
// gives (every field present) and what encoding takes (fields with a default may be left out).
//
// Version ranges are relative to the message: a field without `versions` exists in all versions of what surrounds it.

/** `3+`, `3-5` or `3`; the words and numbers of Kafka's schemas. */
export type Versions = `${number}+` | `${number}-${number}` | `${number}`;

export type FieldType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'exactInt64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'
  | 'array'
  | 'struct';

export interface Options<Value> {
  /** Where the field exists; everywhere when left out. Decoding other versions gives the default, encoding skips it. */
  readonly versions?: Versions;
  /** Where null is allowed; `true` is everywhere. */
  readonly nullable?: true | Versions;
  /** What it is when absent; without it the type's zero: 0, '', false, no bytes, no elements, a struct of defaults. */
  readonly default?: Value | null;
  /** Travels as this tagged field instead of in line. */
  readonly tag?: number;
  /** Never in the compact form, even in flexible versions (the client id of the request header). */
  readonly compact?: false;
}

export interface Field<Decoded = unknown, Input = unknown, Optional extends boolean = boolean> {
  readonly type: FieldType;
  readonly options: Options<unknown>;
  /** Of an array. */
  readonly element: Field | null;
  /** Of a struct. */
  readonly fields: Fields | null;
  /** Types only; these properties do not exist. */
  readonly $decoded: Decoded;
  readonly $input: Input;
  readonly $optional: Optional;
}

export type Fields = { readonly [name: string]: Field };

/** What decoding gives. */
export type DecodedOf<F extends Fields> = { -readonly [K in keyof F]: F[K]['$decoded'] };

/** What encoding takes: fields that have a default, a tag or do not exist in every version may be left out. */
export type InputOf<F extends Fields> = {
  readonly [K in keyof F as F[K]['$optional'] extends true ? never : K]: F[K]['$input'];
} & {
  readonly [K in keyof F as F[K]['$optional'] extends true ? K : never]?: F[K]['$input'] | undefined;
};

type OrNull<T, O> = O extends { readonly nullable: true | Versions } ? T | null : T;
type IsOptional<O> = O extends
  | { readonly versions: Versions }
  | { readonly default: unknown }
  | { readonly tag: number }
  ? true
  : false;
type Scalar<T, O> = Field<OrNull<T, O>, OrNull<T, O>, IsOptional<O>>;

function field<F extends Field>(
  type: FieldType,
  options: Options<unknown> | undefined,
  element: Field | null = null,
  fields: Fields | null = null,
): F {
  return { type, options: options ?? {}, element, fields } as unknown as F;
}

export function bool<const O extends Options<boolean>>(options?: O): Scalar<boolean, O> {
  return field('bool', options);
}

export function int8<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('int8', options);
}

export function int16<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('int16', options);
}

export function uint16<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('uint16', options);
}

export function int32<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('int32', options);
}

export function uint32<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('uint32', options);
}

/**
 * A number: the nearest double beyond ±2^53, and encoding saturates at the ends of the range. The exact mode
 * (message.ts) gives a bigint beyond the safe range; encoding takes either.
 */
export function int64<const O extends Options<number>>(options?: O): Field<number, number | bigint, IsOptional<O>> {
  return field('int64', options);
}

/** A bigint always: for hashes, which use all 64 bits. */
export function exactInt64<const O extends Options<number>>(
  options?: O,
): Field<bigint, number | bigint, IsOptional<O>> {
  return field('exactInt64', options);
}

export function float64<const O extends Options<number>>(options?: O): Scalar<number, O> {
  return field('float64', options);
}

/** See uuid.ts for the form; the default is `ZERO_UUID`. */
export function uuid<const O extends Options<string>>(options?: O): Scalar<string, O> {
  return field('uuid', options);
}

export function string<const O extends Options<string>>(options?: O): Scalar<string, O> {
  return field('string', options);
}

/** A view of the decoded frame; on encode, large ones are passed on by reference. */
export function bytes<const O extends Options<null>>(
  options?: O,
): Field<OrNull<Buffer, O>, OrNull<Uint8Array, O>, IsOptional<O>> {
  return field('bytes', options);
}

/** Record batches: like `bytes`, and encoding also takes them in pieces. */
export function records<const O extends Options<null>>(
  options?: O,
): Field<OrNull<Buffer, O>, OrNull<Buffer | readonly Buffer[], O>, IsOptional<O>> {
  return field('records', options);
}

export function array<E extends Field, const O extends Options<null>>(
  element: E,
  options?: O,
): Field<OrNull<E['$decoded'][], O>, OrNull<readonly E['$input'][], O>, IsOptional<O>> {
  return field('array', options, element);
}

export function struct<const F extends Fields, const O extends Options<null>>(
  fields: F,
  options?: O,
): Field<OrNull<DecodedOf<F>, O>, OrNull<InputOf<F>, O>, IsOptional<O>> {
  return field('struct', options, null, fields);
}

/** An array of structs. */
export function structs<const F extends Fields, const O extends Options<null>>(
  fields: F,
  options?: O,
): Field<OrNull<DecodedOf<F>[], O>, OrNull<readonly InputOf<F>[], O>, IsOptional<O>> {
  return field('array', options, struct(fields));
}

/** The first and last version of a range; Infinity when open. */
export function versionRange(versions: Versions): readonly [number, number] {
  if (versions.endsWith('+')) return [Number(versions.slice(0, -1)), Number.POSITIVE_INFINITY];
  const [first, last] = versions.split('-');
  return [Number(first), Number(last ?? first)];
}

export function includesVersion(versions: Versions, version: number): boolean {
  const [first, last] = versionRange(versions);
  return version >= first && version <= last;
}
