// Conversions of bytes that are mostly those of the call before, such as the topic of neighbouring partitions.

/** Does not convert again what it has just converted. The bytes may change after the call. */
export function sameAsLast<T>(convert: (bytes: Buffer) => T): (bytes: Buffer) => T {
  let last: { readonly bytes: Buffer; readonly converted: T } | undefined;
  return (bytes) => {
    if (last === undefined || !last.bytes.equals(bytes))
      last = { bytes: Buffer.from(bytes), converted: convert(bytes) };
    return last.converted;
  };
}
