// commander, of which the commands are made.
import type * as Commander from 'commander';
import { required } from '../runtime/on-first-use.ts';

export const { Argument, Command, CommanderError, InvalidArgumentError, Option } =
  required<typeof Commander>('commander');
export type Command = Commander.Command;
