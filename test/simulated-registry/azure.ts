import { MemoryStore } from '../../src/store/memory.ts';
import { tagsByDigest, sizeOf, uploadedAt } from './google.ts';
import { failure, json, type Layer } from './exchange.ts';
import type { World } from './world.ts';

/** The repository whose manifests a path of Azure's own API lists. */
export function azureListed(path: string): string | undefined {
  return /^\/acr\/v1\/(.+)\/_manifests$/.exec(path)?.[1];
}

/** Azure's list of manifests, by digest: what has no tag has no `tags`. Pages are linked by a path. */
export function azureList(world: World): Layer {
  return async (request, below) => {
    const name = azureListed(request.path);
    if (name === undefined || world.quirks.tags?.azure === undefined) return below(request);
    const store = (await world.storage.find(name))?.content;
    if (!(store instanceof MemoryStore)) return failure(404, 'NAME_UNKNOWN', 'repository name not known to registry');
    const tags = await tagsByDigest(store);
    const after = request.query.get('last') ?? '';
    const size = Math.min(Number(request.query.get('n') ?? 100), world.quirks.tags.page ?? Infinity);
    const left = Array.from(store.manifests)
      .filter(({ digest }) => digest > after)
      .toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    const manifests = [];
    for (const target of left.slice(0, size)) {
      const time = new Date(uploadedAt(world, name, target.digest)).toISOString().replace('Z', '0000Z');
      manifests.push({
        digest: target.digest,
        imageSize: await sizeOf(store, target),
        createdTime: time,
        lastUpdateTime: time,
        mediaType: target.mediaType,
        tags: tags.get(target.digest),
        changeableAttributes: { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
      });
    }
    const next = `<${request.path}?last=${left[size - 1]?.digest}&n=${size}&orderby=>; rel="next"`;
    const document = { registry: 'team.azurecr.io', imageName: name, manifests };
    return json(200, document, left.length > size ? { link: next } : {});
  };
}
