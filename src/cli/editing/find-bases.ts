import { isOciError, lowerFirst, OciError, quoted } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import { formatRepository, parseReference, type Reference, sameRepository, tryReference } from '../../oci/reference.ts';
import type { RebaseBases } from '../../ops/rebase/rebase.ts';
import type { StatedBase } from '../../ops/rebase/stated-base.ts';
import type { Artifact } from '../../store/artifact.ts';
import { formatLocation, type LocalLocation, type Location, parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/** Bases that flags name; empty for those that annotations name. */
export interface BaseFlags {
  readonly old_base: string;
  readonly new_base: string;
}

/** Opens the bases of images, each once; those that flags name at once. */
export class BaseOpener {
  readonly #session: Session;
  readonly #image: string;
  readonly #oldBase: Location | undefined;
  readonly #newBase: Location | undefined;
  readonly #open = new Map<string, Promise<Artifact>>();

  /**
   * @param image what is rebased, as the user calls it
   * @throws {OciError} `INVALID_REFERENCE`, `INVALID_DIGEST`
   */
  constructor(session: Session, image: string, { old_base: oldBase, new_base: newBase }: BaseFlags) {
    this.#session = session;
    this.#image = image;
    this.#oldBase = oldBase === '' ? undefined : parseLocation(oldBase);
    this.#newBase = newBase === '' ? undefined : parseLocation(newBase);
  }

  /** Asks for what flags name while the image is still being read. What goes wrong is told when it is needed. */
  openNamed(): void {
    if (this.#oldBase !== undefined) this.#openBase('old', this.#oldBase).catch(() => {});
    if (this.#newBase !== undefined) this.#openBase('new', this.#newBase).catch(() => {});
  }

  /**
   * The bases of an image: what flags name, else what its annotations say.
   *
   * @throws {OciError} `NOT_FOUND` when annotations are missing; `INVALID_REFERENCE`, `INVALID_DIGEST` when they are malformed
   */
  async find(stated: StatedBase): Promise<RebaseBases> {
    const newLocation = this.#newBase ?? this.#namedBase(stated);
    const oldLocations = this.#oldBase === undefined ? this.#formerBases(stated, newLocation) : [this.#oldBase];
    const opened = [this.#openFirst(oldLocations), this.#openBase('new', newLocation)] as const;
    await Promise.allSettled(opened);
    const [oldBase, newBase] = await Promise.all(opened);
    return { oldBase, newBase, newBaseName: newLocation.kind === 'registry' ? newLocation.text : undefined };
  }

  #namedBase({ name }: StatedBase): Location {
    if (name === undefined) {
      throw new OciError(
        'NOT_FOUND',
        `${quoted(this.#image)} does not say what its base is: it has no annotation ${annotationKeys.baseName}`,
        {
          hint: 'Name the bases: --old_base REPOSITORY@DIGEST --new_base REPOSITORY:TAG',
        },
      );
    }
    const reference = readBaseName(name, this.#image);
    return { kind: 'registry', text: reference.text, reference };
  }

  /** Where the base may be that the digest of an annotation names: beside the name that was it, or beside the new one. */
  #formerBases({ name, digest: text }: StatedBase, newBase: Location): readonly Location[] {
    if (text === undefined) {
      throw new OciError(
        'NOT_FOUND',
        `${quoted(this.#image)} does not say which base it stands on: it has no annotation ${annotationKeys.baseDigest}`,
        {
          hint: 'Name it: --old_base REPOSITORY@DIGEST',
        },
      );
    }
    const digest = readAnnotation(annotationKeys.baseDigest, this.#image, () => parseDigest(text));
    if (newBase.kind !== 'registry')
      return [{ ...newBase, text: `${nameWithoutTag(newBase)}@${digest}`, tag: undefined, digest }];
    const former = name === undefined ? undefined : tryReference(name);
    const isElsewhere = former !== undefined && !sameRepository(former, newBase.reference);
    return [...(isElsewhere ? [former] : []), newBase.reference].map((place) => inRepository(place, digest));
  }

  async #openFirst([first, ...others]: readonly Location[]): Promise<Artifact> {
    if (first === undefined) throw new OciError('NOT_FOUND', 'There is no old base');
    try {
      return await this.#openBase('old', first);
    } catch (error) {
      if (others.length > 0 && isOciError(error, 'NOT_FOUND')) return this.#openFirst(others);
      throw error;
    }
  }

  #openBase(which: 'old' | 'new', location: Location): Promise<Artifact> {
    const known = this.#open.get(location.text) ?? openBase(this.#session, which, location);
    this.#open.set(location.text, known);
    return known;
  }
}

async function openBase(session: Session, which: 'old' | 'new', location: Location): Promise<Artifact> {
  const name = JSON.stringify(location.text);
  try {
    return await step(`fetching the ${which} base ${name}`, () => openLocation(session, location));
  } catch (error) {
    if (!isOciError(error, 'NOT_FOUND')) throw error;
    const hint = which === 'old' ? 'Name a copy of it with --old_base, or another tag of the same image' : error.hint;
    throw new OciError('NOT_FOUND', `The ${which} base ${name} is not there: ${lowerFirst(error.message)}`, {
      cause: error,
      hint,
    });
  }
}

/**
 * What the annotation of a base names. Only a registry can be meant: local files are none of an image's business. Beside a tag a
 * digest says what the tag named once, and not what it names now.
 *
 * @param image whose annotation it is, as the user calls it
 * @throws {OciError} `INVALID_REFERENCE`, `INVALID_DIGEST`
 */
export function readBaseName(name: string, image: string): Reference {
  return readAnnotation(annotationKeys.baseName, image, () => {
    const reference = parseReference(name);
    if (reference.tag === undefined || reference.digest === undefined) return reference;
    return parseReference(name.slice(0, name.lastIndexOf('@')));
  });
}

function nameWithoutTag(location: LocalLocation): string {
  return formatLocation({ ...location, tag: undefined, digest: undefined });
}

function inRepository(repository: Reference, digest: Digest): Location {
  const text = `${formatRepository(repository)}@${digest}`;
  return { kind: 'registry', text, reference: parseReference(text) };
}

function readAnnotation<T>(key: string, image: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isOciError(error)) throw error;
    throw new OciError(error.code, `The annotation ${key} of ${quoted(image)} is malformed: ${error.message}`, {
      cause: error,
      hint: 'Name the bases: --old_base REPOSITORY@DIGEST --new_base REPOSITORY:TAG',
    });
  }
}
