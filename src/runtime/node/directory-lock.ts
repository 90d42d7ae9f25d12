// A lock on a directory that the kernel drops when the process dies: a bound local socket. A pid file could outlive its
// process, or name a stranger.
//   Linux    an abstract socket named after the directory's device and inode (gone with the process, no file), and then
//            also the socket file below, because containers that share a volume do not share abstract names
//   others   a socket file in the directory; one that nobody answers behind belongs to a dead process and is replaced
//   Windows  a named pipe
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { type DirectoryLock, FileError } from '../files.ts';

/** Longer socket paths do not fit the kernel's address structure (104 bytes on macOS, 108 on Linux). */
const socketPathBytesMax = 103;

export async function lockDirectory(directory: string, name: string): Promise<DirectoryLock | undefined> {
  const stat = fs.statSync(directory, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) throw new FileError('ENOENT', directory, `cannot lock ${directory}: it does not exist`);
  const real = fs.realpathSync(directory);
  const held: Server[] = [];
  const take = async (address: string): Promise<'held' | 'taken' | 'unsupported'> => {
    const server = await bind(address);
    if (typeof server === 'string') return server === 'EADDRINUSE' ? 'taken' : 'unsupported';
    held.push(server);
    return 'held';
  };
  const give = async (): Promise<void> => {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  };

  if (process.platform === 'win32') {
    const digest = createHash('sha256').update(real.toLowerCase()).digest('hex').slice(0, 32);
    return (await take(`\\\\.\\pipe\\ottla-${digest}-${name}`)) === 'held' ? { release: give } : undefined;
  }

  if (process.platform === 'linux') {
    const outcome = await take(`\0ottla:${stat.dev}:${stat.ino}:${name}`);
    if (outcome === 'taken') return undefined;
  }
  const file = path.join(real, `${name}.lock`);
  if (Buffer.byteLength(file) <= socketPathBytesMax) {
    let outcome = await take(file);
    if (outcome === 'taken' && !(await answers(file))) {
      fs.rmSync(file, { force: true });
      outcome = await take(file);
    }
    if (outcome === 'taken') {
      await give();
      return undefined;
    }
  }
  if (held.length === 0) {
    throw new FileError('ENOTSUP', directory, `cannot lock ${directory}: no local socket can be bound here`);
  }
  return { release: give };
}

function bind(address: string): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'UNKNOWN'));
    server.listen({ path: address, exclusive: true }, () => resolve(server));
  });
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: address });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
