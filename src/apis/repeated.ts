// Requests that name a thing twice: Kafka refuses that thing and answers the rest.

/** What is named once, in order; and the names given more than once, each once. */
export function splitRepeated<T, K>(items: readonly T[], nameOf: (item: T) => K): { once: T[]; repeated: K[] } {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return {
    once: items.filter((item) => counts.get(nameOf(item)) === 1),
    repeated: [...counts.keys()].filter((name) => (counts.get(name) as number) > 1),
  };
}
