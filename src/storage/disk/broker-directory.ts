// A broker's own directory in a data directory: checkpoint, write-ahead log and lock are there; partitions stand beside it.

export function brokerDirectoryName(brokerId: number): string {
  return `broker-${brokerId}`;
}

/** Undefined for the name of anything else. */
export function brokerIdOf(name: string): number | undefined {
  const digits = /^broker-(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
