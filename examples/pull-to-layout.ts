// Pulls an image, or an index with all of its images, into an OCI image layout: a directory with the very bytes that the
// registry has.
//
//   node scripts/run-typescript.mjs examples/pull-to-layout.ts alpine:3.20 ./layout

import {
  copyGraph,
  identifierOf,
  openArtifact,
  openOrCreateLayout,
  parseReference,
  remote,
  type Transport,
} from 'crane-oci';
import { connect } from './connect.ts';

export async function pullToLayout(
  name: string,
  directory: string,
  transport: Transport,
  signal?: AbortSignal,
): Promise<void> {
  const reference = parseReference(name);
  const { store, root } = await openArtifact(remote(reference, { transport }), identifierOf(reference), { signal });
  const layout = await openOrCreateLayout(directory);
  try {
    await copyGraph(store, layout, root, { tag: reference.tag, nonDistributable: true, signal });
  } catch (error) {
    await layout.discardUnfinished();
    throw error;
  }
}

if (import.meta.filename === process.argv[1]) {
  const [name = '', directory = 'layout'] = process.argv.slice(2);
  const transport = connect();
  try {
    await pullToLayout(name, directory, transport);
    console.log(`${name} is in ${directory}`);
  } finally {
    transport.close();
  }
}
