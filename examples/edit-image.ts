// Makes other images of images. Each function takes artifacts and gives one, or hands one on whose new layers lie in
// temporary files until it has been copied. Nothing is read of layers that stay.
//
//   node scripts/run-typescript.mjs examples/edit-image.ts localhost:5000/app:1 localhost:5000/app:2 team=web

import {
  type Artifact,
  copyGraph,
  identifierOf,
  openArtifact,
  parsePlatform,
  parseReference,
  remote,
  type Transport,
} from 'crane-oci';
import { writeFileAtomically } from 'crane-oci/content';
import { isIndexType, type MediaTypeFamily } from 'crane-oci/oci';
import {
  appendLayers,
  appendToIndex,
  convertMediaTypes,
  emptyIndex,
  exportFilesystem,
  filterIndex,
  flatten,
  layerBaseOf,
  layerFromFiles,
  mutateImage,
  mutateIndex,
  rebase,
  recompress,
  setFile,
} from 'crane-oci/ops';
import { connect } from './connect.ts';

/** Puts an artifact where it belongs. */
export type Publish = (artifact: Artifact) => Promise<unknown>;

export async function changeImage(
  from: string,
  to: string,
  transport: Transport,
  change: (artifact: Artifact, publish: Publish) => Promise<unknown>,
): Promise<void> {
  const [source, target] = [parseReference(from), parseReference(to)];
  const artifact = await openArtifact(remote(source, { transport }), identifierOf(source));
  const sink = remote(target, { transport, access: 'push' });
  await change(artifact, ({ store, root }) => copyGraph(store, sink, root, { tag: target.tag }));
}

export async function withLabels(artifact: Artifact, labels: Readonly<Record<string, string>>): Promise<Artifact> {
  const edit = { labels: { set: labels } };
  if (!isIndexType(artifact.root.mediaType)) return mutateImage(artifact, edit);
  return mutateIndex(artifact, { images: edit }, { platforms: [parsePlatform('linux')] });
}

export async function addDirectory(image: Artifact, directory: string, publish: Publish): Promise<void> {
  const { family } = await layerBaseOf(image);
  await using layer = await layerFromFiles([{ source: directory, destination: '/srv/www' }], { format: family });
  await publish(await appendLayers(image, [{ ...layer, history: { createdBy: 'COPY . /srv/www' } }]));
}

export async function replaceFile(image: Artifact, path: string, text: string, publish: Publish): Promise<void> {
  await using edited = await setFile(image, path, new TextEncoder().encode(text));
  await publish(edited);
}

export async function flattened(artifact: Artifact, publish: Publish): Promise<void> {
  await using flat = await flatten(artifact, { created: new Date(0) });
  await publish(flat);
}

export async function ontoBase(
  artifact: Artifact,
  { oldBase, newBase }: { readonly oldBase: Artifact; readonly newBase: Artifact },
  report: (line: string) => void,
): Promise<Artifact> {
  const rebased = await rebase(artifact, { oldBase, newBase, newBaseName: 'registry.example.com/base:2' });
  for (const { after, removed, added } of rebased.images) {
    report(`${after.digest}: ${removed.length} layers went, ${added.length} came`);
  }
  return rebased;
}

export async function recompressed(artifact: Artifact, publish: Publish): Promise<void> {
  await using small = await recompress(artifact, { kind: 'gzip', level: 9 });
  await publish(small);
}

export async function convertedTo(family: MediaTypeFamily, artifact: Artifact, publish: Publish): Promise<void> {
  await using converted = await convertMediaTypes(artifact, family);
  await publish(converted);
}

export async function indexOf(images: readonly Artifact[]): Promise<Artifact> {
  return appendToIndex(
    await emptyIndex(),
    images.map((artifact) => ({ artifact })),
  );
}

export async function onlyLinux(index: Artifact): Promise<Artifact> {
  return filterIndex(index, [parsePlatform('linux')]);
}

export async function writeFilesystem(image: Artifact, tarball: string): Promise<void> {
  await writeFileAtomically(tarball, exportFilesystem(image));
}

if (import.meta.filename === process.argv[1]) {
  const [from = '', to = '', label = ''] = process.argv.slice(2);
  const [key = '', value = ''] = label.split('=');
  const transport = connect();
  try {
    await changeImage(from, to, transport, async (artifact, publish) => {
      const result = await withLabels(artifact, { [key]: value });
      await publish(result);
      console.log(`${to} is ${result.root.digest}`);
    });
  } finally {
    transport.close();
  }
}
