import { testContentStore } from '../../../test/conformance/content-store.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import type { ContentStore } from '../../store/store.ts';
import { diskStorage } from './disk-storage.ts';

testContentStore('DiskStore', () => repository('some/name'), {
  openNeighbours: async () => {
    const storage = await diskStorage(await testDirectory());
    return [(await storage.create('sink')).content, (await storage.create('source')).content];
  },
});

async function repository(name: string): Promise<ContentStore> {
  return (await (await diskStorage(await testDirectory())).create(name)).content;
}
