// Reads the golden vectors: wire bytes made by Kafka's own code, with what they mean (README.md here).
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { repositoryPath } from '../repository.ts';

/** One vector of a message. */
export interface GoldenMessage {
  /** Of the schema, like `ProduceRequest`. */
  readonly name: string;
  readonly apiKey?: number;
  readonly kind: 'request' | 'response' | 'header' | 'data' | 'coordinator-key' | 'coordinator-value';
  readonly version: number;
  readonly flexible: boolean;
  readonly headerVersion?: number;
  readonly unstable?: boolean;
  readonly variant: 'default' | 'full' | 'null' | 'empty' | 'extreme' | 'unknownTags';
  /** The body. */
  readonly hex: string;
  /** Size, header (correlation id 0x0a0b0c0d, client id `golden-ż`) and body. */
  readonly frameHex?: string;
  /** With the int16 in front that stored records and the consumer protocol have. */
  readonly prefixedHex?: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** The vectors of a file by its name without endings; the lines of the file when it holds something else. */
export function readGolden<Line = GoldenMessage>(name: string): Line[] {
  const text = gunzipSync(readFileSync(repositoryPath('test', 'golden', `${name}.ndjson.gz`))).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** The names of all files here. */
export function goldenNames(): string[] {
  return readdirSync(repositoryPath('test', 'golden'))
    .filter((file) => file.endsWith('.ndjson.gz'))
    .map((file) => file.slice(0, -'.ndjson.gz'.length))
    .sort();
}
