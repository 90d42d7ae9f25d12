// The compression types of the record format: the low three bits of a batch's attributes, and their names in configs.

export const Compression = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;

export type Compression = (typeof Compression)[keyof typeof Compression];

const NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export type CompressionName = (typeof NAMES)[number];

/** False for the three values of the three bits that mean nothing. */
export function isCompression(id: number): id is Compression {
  return id >= 0 && id < NAMES.length;
}

export function compressionName(compression: Compression): CompressionName {
  return NAMES[compression];
}

export function compressionByName(name: string): Compression | undefined {
  const id = (NAMES as readonly string[]).indexOf(name);
  return isCompression(id) ? id : undefined;
}
