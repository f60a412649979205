import { OciError } from '../../src/errors.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { MemoryStore } from '../../src/store/memory.ts';

/** Does not tell what one tag names. */
export class GuardedStore extends MemoryStore {
  readonly #tag: string;
  readonly #code: 'DENIED' | 'NOT_FOUND' | 'NETWORK';

  constructor(tag: string, code: 'DENIED' | 'NOT_FOUND' | 'NETWORK') {
    super();
    this.#tag = tag;
    this.#code = code;
  }

  override async resolve(reference: string): Promise<Descriptor> {
    if (reference === this.#tag) throw new OciError(this.#code, 'Nobody is told');
    return super.resolve(reference);
  }
}
