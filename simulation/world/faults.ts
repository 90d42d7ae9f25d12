// What goes wrong in a run, and when: a plan that is drawn once from the seed and can be cut down afterwards, fault by fault.
import type { FileOperation } from '../../src/runtime/memory/memory-files.ts';
import type { BrokerMachine } from './broker-machine.ts';
import type { Dice } from './dice.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Machine, SimulatedProcess } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';

export type FaultKind =
  | 'kill'
  | 'power-cut'
  | 'clean-stop'
  | 'kill-at-operation'
  | 'power-cut-at-operation'
  | 'kill-during-sync'
  | 'power-cut-during-sync'
  | 'kill-then-power-cut'
  | 'failed-sync-then-power-cut'
  | 'stuck-disk-then-power-cut'
  | 'broken-connections'
  | 'cut-off-client'
  | 'slow-network'
  | 'slow-client'
  | 'slow-disk'
  | 'stuck-disk'
  | 'full-disk'
  | 'last-byte-taken'
  | 'disk-error'
  | 'stopped-broker'
  | 'stopped-client'
  | 'clock-jump';

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  /** How long it lasts, or how long the machine is down. */
  readonly durationMs: number;
  /** What else there is to choose, in a number that each kind reads as it likes. */
  readonly choice: number;
}

export interface FaultTargets {
  readonly time: VirtualTime;
  readonly network: SimulatedNetwork;
  readonly broker: BrokerMachine;
  readonly clients: readonly { readonly process: SimulatedProcess; readonly machine: Machine }[];
  readonly note: (sentence: string) => void;
}

/** In the order of their time. */
export function planFaults(
  dice: Dice,
  kinds: readonly FaultKind[],
  durationMs: number,
  countMax: number,
  lastMsMax = 6_000,
): Fault[] {
  const count = dice.between(1, countMax);
  // Some kinds only: what many together hide, a few may show.
  const few = Array.from({ length: dice.between(1, 6) }, () => dice.pick(kinds));
  const faults = Array.from({ length: count }, () => ({
    kind: dice.pick(few),
    atMs: dice.between(500, durationMs),
    durationMs: Math.round(dice.skewed(20, lastMsMax)),
    choice: dice.below(1_000_000),
  }));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

export function scheduleFault(fault: Fault, targets: FaultTargets, dice: Dice): void {
  targets.time.plan(fault.atMs, undefined, () => {
    targets.note(`fault: ${fault.kind} for ${fault.durationMs} ms (${fault.choice})`);
    strike(fault, targets, dice);
  });
}

function strike({ kind, durationMs, choice }: Fault, targets: FaultTargets, dice: Dice): void {
  const { time, network, broker, clients } = targets;
  const { disk } = broker;
  const later = (callback: () => void) => void time.plan(durationMs, undefined, callback);
  switch (kind) {
    case 'kill':
      broker.end('kill', durationMs);
      return;
    case 'power-cut':
      broker.end('power', durationMs);
      return;
    case 'clean-stop':
      broker.stop(durationMs);
      return;
    case 'kill-at-operation':
    case 'power-cut-at-operation': {
      const how = kind === 'kill-at-operation' ? 'kill' : 'power';
      const isAfter = choice % 2 === 0;
      disk.countdown = { operations: 1 + (choice % 60), isAfter, strike: () => broker.end(how, durationMs) };
      return;
    }
    case 'kill-during-sync':
    case 'power-cut-during-sync':
      disk.duringSync = () => broker.end(kind === 'kill-during-sync' ? 'kill' : 'power', durationMs);
      return;
    case 'kill-then-power-cut':
      // What was only in the page cache may have been served in between.
      disk.duringSync = () => {
        broker.end('kill', durationMs);
        broker.onOpen = () => {
          disk.duringSync = () => broker.end('power', durationMs);
        };
      };
      return;
    case 'failed-sync-then-power-cut':
      disk.content.faults.push({ operation: 'sync', path: /wal-/, code: 'EIO', skip: choice % 4, times: 1 });
      time.plan(choice % 500, undefined, () => broker.end('power', durationMs));
      return;
    case 'stuck-disk-then-power-cut': {
      // For a while nothing becomes durable, and then nothing of it ever was.
      const stuckMs = 20 + (choice % 1_500);
      disk.stuckUntilMs = time.nowMs + stuckMs + 1;
      time.plan(stuckMs, undefined, () => broker.end('power', durationMs));
      return;
    }
    case 'broken-connections':
      network.breakConnections(broker.machine.address, dice);
      return;
    case 'cut-off-client': {
      const { machine } = clients[choice % clients.length]!;
      if (choice % 3 !== 1) network.cut(machine.address, broker.machine.address);
      if (choice % 3 !== 2) network.cut(broker.machine.address, machine.address);
      later(() => network.heal());
      return;
    }
    case 'slow-network':
      network.slownessMs = 1 + (choice % 400);
      later(() => network.heal());
      return;
    case 'slow-client': {
      const { machine } = clients[choice % clients.length]!;
      network.slowReaders.set(machine.address, { bytesMax: 1 + (choice % 5_000), pauseMs: 1 + (choice % 97) });
      later(() => network.heal());
      return;
    }
    case 'slow-disk':
      disk.slownessMs = 1 + (choice % 1_500);
      later(() => disk.heal());
      return;
    case 'stuck-disk':
      disk.stuckUntilMs = time.nowMs + durationMs;
      return;
    case 'full-disk':
      disk.fill(choice % 40_000);
      later(() => disk.heal());
      return;
    case 'last-byte-taken':
      disk.fill(choice % 1_500);
      later(() => disk.heal());
      return;
    case 'disk-error':
      disk.content.faults.push(diskError(choice));
      later(() => disk.heal());
      return;
    case 'stopped-broker':
      if (broker.process !== undefined) broker.process.stoppedUntilMs = time.nowMs + durationMs;
      return;
    case 'stopped-client':
      clients[choice % clients.length]!.process.stoppedUntilMs = time.nowMs + durationMs;
      return;
    case 'clock-jump':
      broker.machine.clockErrorMs += (choice % 2 === 0 ? 1 : -1) * (choice % 7_200_000);
  }
}

const DISK_ERRORS: readonly { operation: FileOperation; path: RegExp }[] = [
  { operation: 'sync', path: /./ },
  { operation: 'sync', path: /wal-/ },
  { operation: 'sync', path: /\.log$/ },
  { operation: 'sync', path: /checkpoint|metadata|\.new/ },
  { operation: 'write', path: /./ },
  { operation: 'write', path: /wal-/ },
  { operation: 'read', path: /./ },
  { operation: 'rename', path: /./ },
  { operation: 'syncDirectory', path: /./ },
  { operation: 'open', path: /./ },
];

function diskError(choice: number) {
  const { operation, path } = DISK_ERRORS[choice % DISK_ERRORS.length]!;
  return { operation, path, code: 'EIO', skip: Math.floor(choice / 10) % 30, times: 1 };
}
