import { testContentStore } from '../../test/conformance/content-store.ts';
import { MemoryStore } from './memory.ts';

testContentStore('MemoryStore', () => new MemoryStore());
