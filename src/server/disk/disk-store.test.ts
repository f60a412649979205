import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { testContentStore } from '../../../test/conformance/content-store.ts';
import { diskStorage } from './disk-storage.ts';

const directories: string[] = [];
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

testContentStore('A repository on disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'registry-'));
  directories.push(directory);
  return (await (await diskStorage(directory)).create('some/name')).content;
});
