import type { DockerArchive } from '../../archive/docker-archive.ts';
import type { ByteStream } from '../../content/bytes.ts';
import type { ContentId, Descriptor } from '../../oci/descriptor.ts';
import { formatRepository, type Reference, tryReference } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import type { TagLister } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';

/**
 * The images of a docker archive as all tags of something: of one repository their tags, of several their names in full.
 */
export class NamedImages implements ContentSource, TagLister {
  /** What is in front of the tags, as the archive spells it; `undefined` where there are several repositories, or none. */
  readonly repository: string | undefined;
  /** How many images have no name that could be copied. */
  readonly nameless: number;
  readonly #archive: DockerArchive;
  readonly #names: readonly Reference[];

  /** @param chosen only images of that repository. @default all */
  constructor(archive: DockerArchive, chosen?: Reference) {
    const named = archive.names.map((names) => names.map(referenceOf).filter((name) => name !== undefined));
    const all = named.flat();
    const wanted = chosen && formatRepository(chosen);
    this.#archive = archive;
    this.#names = wanted === undefined ? all : all.filter((name) => formatRepository(name) === wanted);
    this.nameless = named.filter((names) => names.length === 0).length;
    const [first, ...others] = new Map(this.#names.map((name) => [formatRepository(name), name])).values();
    this.repository = first === undefined || others.length > 0 ? undefined : repositoryOf(first);
  }

  async *tags(): AsyncGenerator<readonly string[]> {
    // `app` and `app:latest` are one.
    yield Array.from(new Set(this.#names.map(this.repository === undefined ? nameOf : tagOf))).sort();
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    const { repository } = this;
    return this.#archive.resolve(repository === undefined ? reference : `${repository}:${reference}`, options);
  }

  stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#archive.stat(content, options);
  }

  fetch(target: Descriptor, options?: CallOptions): Promise<ByteStream> {
    return this.#archive.fetch(target, options);
  }
}

function referenceOf(name: string): Reference | undefined {
  const reference = tryReference(name);
  return reference?.digest === undefined ? reference : undefined;
}

function tagOf({ tag = 'latest' }: Reference): string {
  return tag;
}

function nameOf(name: Reference): string {
  return `${repositoryOf(name)}:${tagOf(name)}`;
}

/** As it is spelt. */
function repositoryOf({ text, tag }: Reference): string {
  return text.endsWith(`:${tag}`) ? text.slice(0, -`:${tag}`.length) : text;
}
