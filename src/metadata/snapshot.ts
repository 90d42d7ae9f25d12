// Image → the changes that make it: what a snapshot holds, so that snapshots and commits are read by the same code.
import type { Image, MetadataChange } from './image.ts';

export function snapshotChanges(image: Image): MetadataChange[] {
  const changes: MetadataChange[] = [{ type: 'cluster-created', clusterId: image.clusterId }];
  for (const broker of image.brokers.values()) changes.push({ type: 'broker-registered', broker });
  for (const topic of image.topics.values()) {
    const { name, id, internal, partitions } = topic;
    changes.push({ type: 'topic-created', name, id, internal, partitions });
  }
  for (const [resource, overrides] of image.configs) {
    for (const [name, value] of overrides) changes.push({ type: 'config-set', resource, name, value });
  }
  if (image.nextProducerId > 0) changes.push({ type: 'producer-ids-reserved', next: image.nextProducerId });
  for (const acl of image.acls.values()) changes.push({ type: 'acl-created', acl });
  for (const credential of image.scramCredentials.values()) changes.push({ type: 'scram-credential-set', credential });
  for (const token of image.delegationTokens.values()) changes.push({ type: 'delegation-token-set', token });
  for (const { entity, quotas } of image.clientQuotas.values()) {
    for (const [key, value] of quotas) changes.push({ type: 'client-quota-set', entity, key, value });
  }
  return changes;
}
