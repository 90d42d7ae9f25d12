// What a group machine asks of the shell that runs it: what every coordinator's machine does, and to become another.
import type { ShellEffect } from '../coordinator/effects.ts';
import type { GroupMachine } from './machine.ts';

export type { CoordinatorRecord, Reply } from '../coordinator/effects.ts';

/** From now on the group is this machine (migration between protocols); timers of the machine before are cancelled. */
export interface Become {
  readonly type: 'become';
  readonly machine: GroupMachine;
}

export type Effect = ShellEffect | Become;
