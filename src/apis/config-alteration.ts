// What IncrementalAlterConfigs and AlterConfigs have in common: resources named twice, keys given twice, values that are
// missing, loggers; and the answer per resource (Kafka: ConfigAdminManager.preprocess).
import { type Alterations, checkNodeId, type ResourceChange } from '../metadata/configs/alterations.ts';
import { ResourceType } from '../metadata/configs/config-resource.ts';
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';

export interface AlterationAnswer {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** One answer per change, in order. */
export async function alterResources(
  alterations: Alterations,
  nodeId: number,
  changes: readonly ResourceChange[],
  validateOnly: boolean,
): Promise<AlterationAnswer[]> {
  const refused = new Map<ResourceChange, Refusal>();
  const named = new Map<string, number>();
  const keyOf = ({ resource }: ResourceChange) => `${resource.type} ${resource.name}`;
  for (const change of changes) named.set(keyOf(change), (named.get(keyOf(change)) ?? 0) + 1);
  for (const change of changes) {
    const objection =
      (named.get(keyOf(change)) as number) > 1
        ? new Refusal(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
        : objectionTo(change, nodeId);
    if (objection) refused.set(change, objection);
  }
  const rest = changes.filter((change) => !refused.has(change));
  const outcomes = await alterations.apply(rest, { validateOnly });
  for (const [index, change] of rest.entries()) {
    const refusal = outcomes[index];
    if (refusal) refused.set(change, refusal);
  }
  return changes.map((change) => ({
    errorCode: refused.get(change)?.errorCode ?? ErrorCode.NONE,
    errorMessage: refused.get(change)?.errorMessage ?? null,
    resourceType: change.resource.type,
    resourceName: change.resource.name,
  }));
}

function objectionTo(change: ResourceChange, nodeId: number): Refusal | undefined {
  const names = change.keys.map((key) => key.name);
  if (new Set(names).size !== names.length) {
    return new Refusal(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
  }
  const missing = change.keys.filter((key) => key.operation !== 'DELETE' && key.value === null).map((key) => key.name);
  if (missing.length > 0) {
    return new Refusal(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${missing.join(', ')}`);
  }
  if (change.resource.type === ResourceType.BROKER_LOGGER && !change.replaceAll) return loggerObjection(change, nodeId);
  return undefined;
}

function loggerObjection(change: ResourceChange, nodeId: number): Refusal {
  try {
    checkNodeId(change.resource.name, nodeId);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  const unknown = change.keys.find((key) => key.name !== 'root');
  if (unknown) return new Refusal(ErrorCode.INVALID_CONFIG, `Logger ${unknown.name} does not exist!`);
  return new Refusal(ErrorCode.INVALID_CONFIG, 'The level of the log lines cannot be changed while the broker runs.');
}
