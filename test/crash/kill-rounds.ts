// Rounds over one data directory: a broker is started, loaded, killed, started again, and everything is read.
import { serveOttla, startOttla, temporaryDirectory } from '../integration/ottla-process.ts';
import { type CrashLoad, Killing, type Moment } from './killing.ts';

export interface RoundMoment extends Moment {
  /** Before it is started for good, it is started and killed after so long: while it recovers, perhaps. */
  readonly startKilledAfterMs?: number | undefined;
}

export interface Round {
  readonly acknowledged: number;
}

/** The directory is removed unless something was wrong with it; the error then names it. */
export async function killAgainAndAgain(
  load: CrashLoad,
  args: readonly string[],
  moments: Iterable<RoundMoment>,
  onRound: (round: Round) => void = () => {},
): Promise<void> {
  const directory = temporaryDirectory();
  const serve = () => serveOttla(['--data', directory.path, ...args]);
  // The runtime's timers do not keep a process alive; while retries wait for one, this does.
  const alive = setInterval(() => {}, 60_000);
  let broker = await serve();
  try {
    await load.prepare(broker);
    for (const moment of moments) {
      const killing = new Killing(broker, moment);
      await load.writeUntilKilled(broker, killing);
      const { startKilledAfterMs } = moment;
      if (startKilledAfterMs !== undefined) await killedStart(['--data', directory.path, ...args], startKilledAfterMs);
      broker = await serve();
      await load.verify(broker);
      onRound({ acknowledged: killing.acknowledged });
    }
    await broker.stop();
  } catch (error) {
    await broker.stop('SIGKILL');
    throw new Error(`${(error as Error).message} (the data is in ${directory.path})`, { cause: error });
  } finally {
    clearInterval(alive);
  }
  directory.remove();
}

function killedStart(args: readonly string[], afterMs: number): Promise<void> {
  const child = startOttla(['serve', '--port', '0', ...args]);
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on('error', () => {}).destroy();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => resolve());
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
}
