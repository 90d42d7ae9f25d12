// The directory of a partition, named and marked as Kafka does: `<topic>-<partition>/` with `partition.metadata`:
//
//   version: 0
//   topic_id: <22 characters of url-safe base64>
//
// A directory on its way out is `<topic>-<partition>.<32 hex digits>-delete`.
import { FileError, type Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/runtime.ts';

const metadataName = 'partition.metadata';
/** The longest name most file systems take; a topic's name alone may be 249 characters long. */
const nameBytesMax = 255;

export function directoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** The topic id that marks the directory, or undefined when there is no such directory or no readable mark. */
export async function readTopicId(files: Files, directory: string): Promise<string | undefined> {
  try {
    const text = (await files.readFile(`${directory}/${metadataName}`)).toString();
    return /^version: 0\r?\ntopic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(text)?.[1];
  } catch (error) {
    if (error instanceof FileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Creates the directory and its mark; durable with the next sync of both directories. */
export async function createPartitionDirectory(files: Files, directory: string, topicId: string): Promise<void> {
  await files.makeDirectory(directory);
  const file = await files.open(`${directory}/${metadataName}`, 'write');
  try {
    const text = Buffer.from(`version: 0\ntopic_id: ${topicId}\n`);
    file.writeSync([text], 0);
    file.truncateSync(text.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives the directory a unique name that marks it for removal; the new path, or undefined when there was no directory. */
export async function renameForRemoval(
  files: Files,
  random: Random,
  parent: string,
  name: string,
): Promise<string | undefined> {
  const suffix = `.${random.bytes(16).toString('hex')}-delete`;
  const doomed = `${parent}/${name.slice(0, nameBytesMax - suffix.length)}${suffix}`;
  try {
    await files.rename(`${parent}/${name}`, doomed);
  } catch (error) {
    if (error instanceof FileError && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return doomed;
}

export function isMarkedForRemoval(name: string): boolean {
  return /\.[0-9a-f]{32}-delete$/.test(name);
}
