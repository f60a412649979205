import type { Descriptor } from '../oci/descriptor.ts';
import type { ContentSource } from './store.ts';

/** An image, index or other artifact in hand: where its content is, and the descriptor of its manifest. */
export interface Artifact {
  readonly store: ContentSource;
  readonly root: Descriptor;
}
