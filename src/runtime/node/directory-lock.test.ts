// Who is kept from a directory that is in use, and who is not, beyond what every implementation of files promises: other names of it,
// processes that only share its files, and what the dead have left. On Windows a named pipe stands for all of that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DirectoryLock } from '../files.ts';
import { lockDirectory } from './directory-lock.ts';

const skip = process.platform === 'win32';

function directoryFor(context: TestContext): string {
  const parent = fs.mkdtempSync(path.join(tmpdir(), 'ottla-lock-'));
  context.after(() => fs.rmSync(parent, { recursive: true, force: true }));
  const directory = path.join(parent, 'd');
  fs.mkdirSync(directory);
  return directory;
}

async function locked(directory: string): Promise<DirectoryLock> {
  const lock = await lockDirectory(directory, 'broker-1');
  assert.ok(lock !== undefined, `${directory} is free`);
  return lock;
}

function listening(file: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(file, () => resolve(server));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

test('a directory in use is refused by its other names too, and where it was moved to', { skip }, async (context) => {
  const directory = directoryFor(context);
  const held = await locked(directory);
  fs.symlinkSync(directory, `${directory}-link`);
  assert.equal(await lockDirectory(`${directory}-link`, 'broker-1'), undefined);
  fs.renameSync(directory, `${directory}-moved`);
  assert.equal(await lockDirectory(`${directory}-moved`, 'broker-1'), undefined);
  // Another one in its place is nobody's.
  fs.mkdirSync(directory);
  await (await locked(directory)).release();
  await held.release();
  await (await locked(`${directory}-moved`)).release();
});

test('a holder of which only the file in the directory tells is respected', { skip }, async (context) => {
  const directory = directoryFor(context);
  // As from another container, whose abstract names are not ours.
  const file = path.join(directory, 'broker-1.lock');
  const stranger = await listening(file);
  assert.equal(await lockDirectory(directory, 'broker-1'), undefined);
  assert.ok(fs.existsSync(file), 'its file is left alone');
  await closed(stranger);
  await (await locked(directory)).release();
});

test('the file that a killed process has left is in nobody’s way', { skip }, async (context) => {
  const directory = directoryFor(context);
  const file = path.join(directory, 'broker-1.lock');
  const dead = await listening(file);
  // Out of reach while its server removes it at its end.
  fs.renameSync(file, `${file}-aside`);
  await closed(dead);
  fs.renameSync(`${file}-aside`, file);
  const held = await locked(directory);
  assert.equal(await lockDirectory(directory, 'broker-1'), undefined);
  await held.release();
  assert.equal(fs.existsSync(file), false);
});

test('a path too long for a socket can be locked all the same', {
  skip: process.platform !== 'linux',
}, async (context) => {
  const directory = path.join(directoryFor(context), 'x'.repeat(120));
  fs.mkdirSync(directory);
  const held = await locked(directory);
  fs.symlinkSync(directory, `${path.dirname(directory)}-link`);
  for (const name of [directory, `${path.dirname(directory)}-link`])
    assert.equal(await lockDirectory(name, 'broker-1'), undefined);
  await held.release();
  await (await locked(directory)).release();
});
