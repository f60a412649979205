import { collect } from '../../src/content/bytes.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { childrenOf, parseManifest } from '../../src/oci/manifest.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { failure, json, type SimulatedAnswer, type SimulatedRequest } from './exchange.ts';
import type { World } from './world.ts';

/**
 * Google's list of tags: with the repositories below, and every manifest with its tags, tagged or not. A repository without
 * content of its own is there where others lie below it. Pages are by tags; the first has the children and what has no tag.
 */
export async function googleList(world: World, { route, path, query }: SimulatedRequest): Promise<SimulatedAnswer> {
  const name = route !== undefined && 'repository' in route ? route.repository : '';
  const children = await childrenOfName(world, name);
  const content = (await world.storage.find(name))?.content;
  if (content === undefined && children.length === 0) return failure(404, 'NAME_UNKNOWN', 'Repository not found');
  const store = content instanceof MemoryStore ? content : new MemoryStore();
  const tagsOf = await tagsByDigest(store);
  const tags = Array.from(tagsOf.values()).flat().sort();
  const { maxN = 10_000, page = maxN, junk } = world.quirks.tags ?? {};
  const [after, size] = [query.get('last') ?? '', Math.min(Number(query.get('n') ?? page), page, maxN)];
  const left = tags.filter((tag) => tag > after);
  const listed = new Set(left.slice(0, size));
  const isFirst = after === '';
  const manifest: Record<string, object> = isFirst && junk === true ? { ...oddities } : {};
  for (const target of store.manifests) {
    const own = tagsOf.get(target.digest) ?? [];
    if (own.length === 0 ? isFirst : own.some((tag) => listed.has(tag))) {
      manifest[target.digest] = await entryOf(world, name, store, target, own);
    }
  }
  const document = {
    child: isFirst ? [...children, ...(junk === true ? ['..', 'UPPER', 7, '', 'a//b'] : [])] : [],
    manifest,
    name,
    tags: [...listed],
  };
  const link = `<${path}?n=${size}&last=${encodeURIComponent(left[size - 1] ?? '')}>; rel="next"`;
  return json(200, document, left.length > size ? { link } : {});
}

/** What no list should hold, and one manifest of which nothing is said. */
const oddities: Readonly<Record<string, object>> = {
  'not a digest': { tag: ['lost'] },
  [`sha256:${'0'.repeat(64)}`]: { imageSizeBytes: 'many', mediaType: 7, timeUploadedMs: null, tag: ['../up', null] },
  [`sha256:${'1'.repeat(64)}`]: [],
};

async function childrenOfName({ storage }: World, name: string): Promise<readonly string[]> {
  const children = new Set<string>();
  for await (const page of storage.repositories?.() ?? []) {
    for (const one of page)
      if (one.startsWith(`${name}/`)) children.add(one.slice(name.length + 1).split('/')[0] ?? '');
  }
  return Array.from(children).sort();
}

/** The tags of each manifest that has some. */
export async function tagsByDigest(store: MemoryStore): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for await (const page of store.tags()) {
    for (const tag of page) {
      const { digest } = await store.resolve(tag);
      found.set(digest, [...(found.get(digest) ?? []), tag]);
    }
  }
  return found;
}

/** When a manifest came, in milliseconds since the epoch. */
export function uploadedAt({ notes, now }: World, name: string, digest: string): number {
  const key = `${name}@${digest}`;
  const uploaded = notes.uploaded.get(key) ?? now();
  notes.uploaded.set(key, uploaded);
  return uploaded;
}

/** Bytes of all that a manifest names. */
export async function sizeOf(store: MemoryStore, target: Descriptor): Promise<number> {
  const children = childrenOf(parseManifest(await collect(await store.fetch(target), target.size), target));
  return children.reduce((sum, { size }) => sum + size, 0);
}

async function entryOf(
  world: World,
  name: string,
  store: MemoryStore,
  target: Descriptor,
  tag: readonly string[],
): Promise<object> {
  return {
    imageSizeBytes: String(await sizeOf(store, target)),
    layerId: '',
    mediaType: target.mediaType,
    tag,
    // What reproducible builds say.
    timeCreatedMs: '0',
    timeUploadedMs: String(uploadedAt(world, name, target.digest)),
  };
}

/** Whether an index of the repository lists the manifest. */
export async function hasParent({ storage }: World, name: string, digest: string): Promise<boolean> {
  const content = (await storage.find(name))?.content;
  if (!(content instanceof MemoryStore)) return false;
  for (const target of content.manifests) {
    const manifest = parseManifest(await collect(await content.fetch(target), target.size), target);
    if (manifest.kind === 'index' && childrenOf(manifest).some((child) => child.digest === digest)) return true;
  }
  return false;
}
