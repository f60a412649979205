// A source of one's own: one file, presented as an OCI artifact. Whatever takes a ContentSource can read it, so the file can
// be copied to a registry, kept in a layout or written to an archive.
//
//   node scripts/run-typescript.mjs examples/custom-store.ts notes.txt localhost:5000/notes:1

import {
  type ContentId,
  type ContentSource,
  copyGraph,
  type Descriptor,
  OciError,
  parseReference,
  remote,
  type Transport,
} from 'crane-oci';
import { type ByteStream, describeBytes, Digester, readFileStream, streamOf, VerifiedStream } from 'crane-oci/content';
import { mediaTypes } from 'crane-oci/oci';
import { connect } from './connect.ts';

export class FileArtifact implements ContentSource {
  readonly root: Descriptor;
  readonly #blobs: ReadonlyMap<string, { readonly target: Descriptor; readonly open: () => Promise<ByteStream> }>;

  /** @param layer describes the file at `path` */
  constructor(path: string, layer: Descriptor) {
    const configBytes = new TextEncoder().encode('{}');
    const config = describeBytes(configBytes, 'application/vnd.oci.empty.v1+json');
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'text/plain',
      config,
      layers: [layer],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    this.root = describeBytes(bytes, mediaTypes.ociManifest);
    this.#blobs = new Map([
      [this.root.digest, { target: this.root, open: async () => streamOf(bytes) }],
      [config.digest, { target: config, open: async () => streamOf(configBytes) }],
      [layer.digest, { target: layer, open: () => readFileStream(path) }],
    ]);
  }

  async resolve(reference: string): Promise<Descriptor> {
    if (reference === this.root.digest || reference === 'latest') return this.root;
    throw new OciError('NOT_FOUND', `Nothing is named "${reference}"`);
  }

  async stat({ digest }: ContentId): Promise<Descriptor | undefined> {
    return this.#blobs.get(digest)?.target;
  }

  async fetch({ digest }: Descriptor): Promise<ByteStream> {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) throw new OciError('NOT_FOUND', `No content has the digest ${digest}`);
    // The file may have changed since it was hashed; nobody would get the wrong bytes.
    return VerifiedStream.of(await blob.open(), blob.target);
  }
}

/** Reads the file once to learn its digest. */
export async function fileArtifact(path: string, mediaType: string): Promise<FileArtifact> {
  const digester = new Digester();
  for await (const chunk of await readFileStream(path)) digester.update(chunk);
  return new FileArtifact(path, { mediaType, digest: digester.finish(), size: digester.size });
}

export async function pushFile(path: string, name: string, transport: Transport): Promise<Descriptor> {
  const target = parseReference(name);
  const source = await fileArtifact(path, 'text/plain');
  await copyGraph(source, remote(target, { transport, access: 'push' }), source.root, { tag: target.tag });
  return source.root;
}

if (import.meta.filename === process.argv[1]) {
  const [path = '', name = ''] = process.argv.slice(2);
  const transport = connect();
  try {
    const { digest } = await pushFile(path, name, transport);
    console.log(`${name} is ${digest}`);
  } finally {
    transport.close();
  }
}
