import { OciError, quoted } from '../../errors.ts';
import { formatRepository } from '../../oci/reference.ts';
import { isGoogleHost } from '../../remote/listing/google-hosts.ts';
import type { CallOptions } from '../../options.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import { canListTags, type TagLister, type TagListOptions } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { hasLocalPrefix, isLocal, type LocalLocation, parseLocation, withKnownKind } from '../location.ts';
import { openStore, parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';

/** Something that has tags: a repository of a registry or an engine, a layout, an archive. */
export interface TagPlace {
  /** What commands call the image of a tag. */
  referenceOf(this: void, tag: string): string;
  /** Page by page, in the order of the place. */
  list(this: void, options: TagPlaceOptions): AsyncIterable<readonly DescribedTag[]>;
  /** Finds out what is not known yet: what tags name, and when that was made. */
  describe(this: void, tags: readonly DescribedTag[], options: CallOptions): Promise<readonly DescribedTag[]>;
}

export interface TagPlaceOptions extends CallOptions {
  /** Also what costs no further request: digests, sizes, times. */
  readonly details: boolean;
  readonly pageSize: number | undefined;
}

/**
 * Opens what an argument names, which has to be a place for tags and not one image of it.
 *
 * @throws {OciError} `INVALID_REFERENCE`, with what to leave out
 */
export async function openTagPlace(session: Session, text: string): Promise<TagPlace> {
  if (!hasLocalPrefix(text)) return openRepository(session, text);
  const location = parseLocation(text);
  if (!isLocal(location)) return openRepository(session, text);
  if (location.kind === 'docker-daemon') {
    const { openEngineTags } = await import('../engine/engine-tags.ts');
    return openEngineTags(session, location);
  }
  return openLocal(session, location);
}

async function openRepository(session: Session, text: string): Promise<TagPlace> {
  const repository = parseRepositoryArgument(text);
  const store = await session.repository(repository);
  const name = formatRepository(repository);
  return {
    referenceOf: (tag) => `${name}:${tag}`,
    list({ details, pageSize, signal }) {
      if (!details) return namesIn(store, { pageSize, signal });
      // Google's registries tell of manifests once a page, and how many tags of them a small page has is not known.
      return store.describedTags({ pageSize: isGoogleHost(repository.registry) ? undefined : pageSize, signal });
    },
    describe: describer(store),
  };
}

async function openLocal(session: Session, location: LocalLocation): Promise<TagPlace> {
  const { text, kind, path, tag, digest } = location;
  if (tag !== undefined || digest !== undefined) {
    throw new OciError('INVALID_REFERENCE', `${quoted(text)} names one image, where all are meant`, {
      hint: `Write ${quoted(`${kind}:${path}`)}`,
    });
  }
  const store = await openStore(session, location);
  if (!canListTags(store)) throw new OciError('UNSUPPORTED', `${quoted(text)} cannot list tags`);
  const isDocker = 'names' in store;
  const { kind: prefix } = withKnownKind(location, store);
  return {
    referenceOf: (name) => `${prefix}:${path}:${name}`,
    // A docker archive has no manifests: to make them all of its layers are read.
    list: ({ details, signal }) => (details && !isDocker ? targetsIn(store, signal) : namesIn(store, { signal })),
    describe: describer(store),
  };
}

function describer(store: ContentSource): TagPlace['describe'] {
  return async (tags, options) => {
    const { describeTags } = await import('../../ops/tags/describe-tags.ts');
    return describeTags(store, tags, options);
  };
}

async function* namesIn(lister: TagLister, options: TagListOptions): AsyncGenerator<readonly DescribedTag[], void> {
  for await (const page of lister.tags(options)) yield page.map((tag) => ({ tag }));
}

async function* targetsIn(
  store: ContentSource & TagLister,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly DescribedTag[], void> {
  for await (const page of store.tags({ signal })) {
    const described: DescribedTag[] = [];
    for (const tag of page) {
      const { digest, mediaType, size } = await store.resolve(tag, { signal });
      described.push({ tag, digest, mediaType, size });
    }
    yield described;
  }
}
