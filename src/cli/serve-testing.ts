// `ottla serve --testing`: the broker of ottla/testing as a process, with a control port for test suites of any language.
import { parseProperties, SettingsError } from '../settings.ts';
import { startControlServer } from '../testing/control-server.ts';
import type { TestBrokerOptions } from '../testing/options.ts';
import { TestBroker } from '../testing/test-broker.ts';
import { keyValuePairs } from './arguments.ts';
import { CommandFailure } from './command-failure.ts';
import { interruption, readConfig, type ServeOptions } from './serve.ts';
import { formatDuration } from './table.ts';
import type { CommandWorld } from './world.ts';

export async function serveTesting(world: CommandWorld, options: ServeOptions, defaultPort: number): Promise<void> {
  const testing = await optionsOf(world, options);
  const broker = await started(world, { ...testing, port: options.port ?? defaultPort });
  const control = await startControlServer(world.runtime, broker, { port: options.controlPort ?? 0, options: testing });
  const ms = world.uptimeMs();
  if (options.json) {
    const { host, port, bootstrapServers } = broker;
    world.output.json({ ready: bootstrapServers, host, port, control: control.url, ms: Math.round(ms) });
  } else {
    world.output.line(
      `ottla ready on ${broker.bootstrapServers} (for tests, in memory, control port ${control.url}, ${formatDuration(ms)})`,
    );
  }
  await interruption(world);
  await control.close();
}

async function started(world: CommandWorld, options: TestBrokerOptions): Promise<TestBroker> {
  try {
    return await TestBroker.start(world.runtime, options);
  } catch (error) {
    if (error instanceof SettingsError) throw new CommandFailure(error.problems.join('\nottla: '), 1, error);
    if (error instanceof TypeError) throw new CommandFailure(error.message, 2, error);
    throw error;
  }
}

async function optionsOf(world: CommandWorld, options: ServeOptions): Promise<TestBrokerOptions> {
  if (options.data !== undefined) {
    throw new CommandFailure('--testing keeps everything in memory; leave --data away.', 2);
  }
  const { host, advertise, durability, brokers, config } = options;
  const file = config === undefined ? new Map<string, string>() : parseProperties(await readConfig(world, config));
  return {
    ...(host !== undefined && { host }),
    ...(advertise !== undefined && { advertise }),
    ...(durability !== undefined && { durability }),
    ...(brokers !== undefined && { brokers }),
    settings: {
      ...Object.fromEntries(file),
      ...Object.fromEntries(keyValuePairs(options.set ?? [], '--set num.partitions=4')),
    },
  };
}
