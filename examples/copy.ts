// Copies an image, or an index with all of its images, from one repository to another.
//
//   node scripts/run-typescript.mjs examples/copy.ts alpine:3.20 localhost:5000/alpine:3.20

import { connect } from './connect.ts';
import { copyGraph, type Digest, identifierOf, openArtifact, parseReference, remote, type Transport } from 'crane-oci';

export async function copyImage(
  from: string,
  to: string,
  transport: Transport,
  report: (line: string) => void,
): Promise<Digest> {
  const [source, target] = [parseReference(from), parseReference(to)];
  const reader = remote(source, { transport });
  const { root } = await openArtifact(reader, identifierOf(source));
  await copyGraph(reader, remote(target, { transport, access: 'push' }), root, {
    tag: target.tag,
    onProgress(event) {
      if (event.type === 'finish') report(`copied ${event.target.digest}, ${event.target.size} bytes`);
      if (event.type === 'skip') report(`left ${event.target.digest}: ${event.reason}`);
    },
  });
  return root.digest;
}

if (import.meta.filename === process.argv[1]) {
  const [from = '', to = ''] = process.argv.slice(2);
  const transport = connect();
  try {
    console.log(await copyImage(from, to, transport, console.log));
  } finally {
    transport.close();
  }
}
