// Compares two pieces of work inside one run: they take turns, and the best turn of each counts, so that what else the machine does
// falls on both or on neither.

/** How often one round of `subject` takes as long as one of `reference`, in CPU time of this process. */
export function ratioOf(subject: () => void, reference: () => void, rounds = 15): number {
  let bestSubject = Number.POSITIVE_INFINITY;
  let bestReference = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    bestReference = Math.min(bestReference, timed(reference));
    bestSubject = Math.min(bestSubject, timed(subject));
  }
  return bestSubject / bestReference;
}

/** The same for work that ends later. */
export async function ratioOfAsync(
  subject: () => Promise<void>,
  reference: () => Promise<void>,
  rounds = 15,
): Promise<number> {
  let bestSubject = Number.POSITIVE_INFINITY;
  let bestReference = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    bestReference = Math.min(bestReference, await timedAsync(reference));
    bestSubject = Math.min(bestSubject, await timedAsync(subject));
  }
  return bestSubject / bestReference;
}

function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return spent(before);
}

async function timedAsync(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  return spent(before);
}

function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, user + system);
}
