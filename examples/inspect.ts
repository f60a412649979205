// Says what an image is made of, without downloading its layers.
//
//   node scripts/run-typescript.mjs examples/inspect.ts alpine:3.20 linux/arm64

import {
  configOf,
  type Descriptor,
  identifierOf,
  imageForPlatform,
  layersOf,
  openArtifact,
  parsePlatform,
  parseReference,
  remote,
  type Transport,
} from 'crane-oci';
import { connect } from './connect.ts';

export interface Inspection {
  readonly digest: string;
  readonly platform: string;
  readonly layers: readonly Descriptor[];
}

export async function inspect(name: string, platform: string, transport: Transport): Promise<Inspection> {
  const reference = parseReference(name);
  const artifact = await openArtifact(remote(reference, { transport }), identifierOf(reference));
  const image = await imageForPlatform(artifact, parsePlatform(platform));
  const { os, architecture } = await configOf(image);
  return { digest: image.root.digest, platform: `${os}/${architecture}`, layers: await layersOf(image) };
}

if (import.meta.filename === process.argv[1]) {
  const [name = '', platform = 'linux/amd64'] = process.argv.slice(2);
  const transport = connect();
  try {
    const { digest, platform: found, layers } = await inspect(name, platform, transport);
    console.log(`${digest} for ${found}`);
    for (const layer of layers) console.log(`  ${layer.digest} ${layer.size} bytes`);
  } finally {
    transport.close();
  }
}
