// "Did you mean …": the known name that is one or two slips away.

/** The closest of `known`, when it is close enough for a typing mistake; undefined otherwise. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const plain = normalize(name);
  const most = plain.length < 8 ? 1 : 2;
  let best: { name: string; slips: number } | undefined;
  for (const each of known) {
    const slips = distance(plain, normalize(each), most);
    if (slips <= most && (best === undefined || slips < best.slips)) best = { name: each, slips };
  }
  return best?.name;
}

/** Case and kind of separator are forgiven: `numPartitions` and `num_partitions` are near `num.partitions`. */
function normalize(name: string): string {
  return name
    .slice(0, 200)
    .replace(/([a-z])([A-Z])/g, '$1.$2')
    .replace(/[-_]/g, '.')
    .toLowerCase();
}

/** Insertions, removals, replacements and swaps of neighbours; gives up above `most`. */
function distance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const differs = one[i - 1] === other[j - 1] ? 0 : 1;
      let slips = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + differs);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        slips = Math.min(slips, beforeLast[j - 2]! + 1);
      }
      row.push(slips);
    }
    if (Math.min(...row) > most) return most + 1;
    beforeLast = last;
    last = row;
  }
  return last[other.length]!;
}
