// `ottla config`: describe, set, unset, for topics and brokers.
import type { Client } from '../client/client.ts';
import { keyValuePairs } from './arguments.ts';
import { usageFailure } from './command-failure.ts';
import { Argument, Command } from './commander.ts';
import { alterConfigs, CONFIG_SOURCE, describeConfigs, RESOURCE_TYPE, type ResourceType } from './configs.ts';
import { type ConnectionOptions, withClient, withConnectionOptions } from './connection.ts';
import { formatTable } from './table.ts';
import type { CommandWorld } from './world.ts';

type ResourceWord = 'topic' | 'broker';

export function configCommand(world: CommandWorld): Command {
  return new Command('config')
    .description('show and change configs of topics and brokers')
    .addCommand(describeCommand(world))
    .addCommand(setCommand(world))
    .addCommand(unsetCommand(world))
    .addHelpText(
      'after',
      `
Examples:
  ottla config describe topic orders
  ottla config describe broker 1 --all
  ottla config set topic orders retention.ms=60000 cleanup.policy=delete
  ottla config set broker default log.retention.ms=3600000     all brokers
  ottla config unset topic orders retention.ms`,
    );
}

const resourceArgument = () => new Argument('<resource>', 'what kind of thing').choices(['topic', 'broker']);
const NAME_ARGUMENT = 'the topic, or the id of the broker, or `default` for all brokers';

interface DescribeOptions extends ConnectionOptions {
  readonly all?: boolean;
}

function describeCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('describe'))
    .description('show configs that differ from the default')
    .addArgument(resourceArgument())
    .argument('<name>', NAME_ARGUMENT)
    .option('-a, --all', 'all configs, defaults included')
    .action((resource: ResourceWord, name: string, options: DescribeOptions) =>
      withClient(world, options, (client) => describe(world, client, resource, name, options)),
    );
}

async function describe(
  world: CommandWorld,
  client: Client,
  resource: ResourceWord,
  name: string,
  options: DescribeOptions,
) {
  const [type, resourceName] = resourceOf(resource, name);
  const all = await describeConfigs(client, type, resourceName, options.json);
  const shown = all.filter((config) => options.all || config.source !== CONFIG_SOURCE.builtIn);
  if (options.json) {
    world.output.json(
      shown.map((config) => ({
        name: config.name,
        value: config.value,
        source: config.sourceWords,
        readOnly: config.readOnly,
        documentation: config.documentation,
      })),
    );
  } else if (shown.length === 0) {
    world.errors.line(`${resource} ${name} has defaults only; --all shows them.`);
  } else {
    world.output.write(
      formatTable(
        ['config', 'value', 'source'],
        shown.map((config) => [config.name, config.value, config.sourceWords]),
      ),
    );
  }
}

function setCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('set'))
    .description('set configs')
    .addArgument(resourceArgument())
    .argument('<name>', NAME_ARGUMENT)
    .argument('<name=value...>', 'configs')
    .action((resource: ResourceWord, name: string, pairs: string[], options: ConnectionOptions) => {
      const set = keyValuePairs(pairs, 'retention.ms=60000');
      return withClient(world, options, (client) => change(world, client, resource, name, set, [], options));
    });
}

function unsetCommand(world: CommandWorld): Command {
  return withConnectionOptions(new Command('unset'))
    .description('return configs to their defaults')
    .addArgument(resourceArgument())
    .argument('<name>', NAME_ARGUMENT)
    .argument('<config...>', 'names of configs')
    .action((resource: ResourceWord, name: string, configs: string[], options: ConnectionOptions) =>
      withClient(world, options, (client) => change(world, client, resource, name, [], configs, options)),
    );
}

async function change(
  world: CommandWorld,
  client: Client,
  resource: ResourceWord,
  name: string,
  set: [string, string][],
  unset: string[],
  options: ConnectionOptions,
) {
  const [type, resourceName] = resourceOf(resource, name);
  await alterConfigs(client, type, resourceName, set, unset);
  if (options.json) world.output.json({ resource, name, set: Object.fromEntries(set), unset });
  else world.output.line(`changed ${resource} ${name}`);
}

/** Kafka names the configs of all brokers by an empty resource name. */
function resourceOf(resource: ResourceWord, name: string): [ResourceType, string] {
  if (resource === 'topic') return [RESOURCE_TYPE.topic, name];
  if (name === 'default') return [RESOURCE_TYPE.broker, ''];
  if (!/^\d+$/.test(name))
    throw usageFailure(`${name} is not the id of a broker; write a number, or default for all brokers.`);
  return [RESOURCE_TYPE.broker, name];
}
