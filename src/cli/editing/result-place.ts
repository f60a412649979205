import { OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { parseReference, type Repository } from '../../oci/reference.ts';
import type { Artifact } from '../../store/artifact.ts';
import { registryDestination } from '../copying/destination.ts';
import { openTarget, targetIn, type WriteOptions } from '../copying/target.ts';
import { UsageError } from '../framework/usage-error.ts';
import {
  hasLocalPrefix,
  isArchive,
  isLocal,
  isStandardStream,
  type LocalLocation,
  type Location,
  nameWithDigest,
  parseLocation,
  takesOneImage,
} from '../location.ts';
import { checkThere } from '../local-content.ts';
import type { Session } from '../session.ts';

/** Where the user wants the result. */
export interface ResultFlags {
  /** `--tag`: a reference or local content. @default the source */
  readonly tag?: string | undefined;
  /** `--output`: a file for a docker tarball, `-`, or local content. */
  readonly output?: string | undefined;
  /** `--repo`: a repository that gets the result by its digest. */
  readonly repo?: string | undefined;
}

/** Where a command puts what it has made of an image. */
export interface ResultPlace {
  /** As the user calls it. */
  readonly name: string;
  /** Whether it takes a single image only, as docker archives do: of an index one has to be chosen. */
  readonly takesOneImage: boolean;
  /** Whether an index can be kept there. */
  holdsIndexes(): Promise<boolean>;
  /** What the name stands for at the moment; `undefined` for nothing, and where that cannot be. */
  current(): Promise<Descriptor | undefined>;
  /**
   * Copies the result there.
   *
   * @returns what crane prints of it, `REPOSITORY@DIGEST`; nothing where it went to `--output`
   */
  write(result: Artifact, options?: WriteOptions): Promise<string | undefined>;
}

/**
 * Decides where a result goes, before anything is read: `--output`, else `--repo`, else `--tag`, else in the place of the
 * source. A source that was named by digest stays, and the result is added beside it under its own digest.
 *
 * @param source what is changed; `undefined` when there is nothing that could be replaced
 * @throws {UsageError} for places that exclude each other; {OciError} `INVALID_REFERENCE`, `UNSUPPORTED` for archives, which
 *   cannot be changed in place
 */
export async function openResultPlace(
  session: Session,
  source: Location | undefined,
  { tag = '', output = '', repo = '' }: ResultFlags,
): Promise<ResultPlace> {
  if (repo !== '' && tag !== '') throw new UsageError("repository can't be set when a tag is specified");
  if (output !== '') return outputPlace(session, output, namedBy(tag === '' ? repo : tag) ?? source);
  if (repo !== '') return repositoryPlace(session, parseReference(repo), repo);
  if (tag !== '') return targetPlace(session, parseLocation(tag), source);
  if (source === undefined) throw new OciError('INVALID_REFERENCE', 'Nothing says where the result goes');
  return placeOf(session, source);
}

/** In the place of the source. */
function placeOf(session: Session, source: Location): Promise<ResultPlace> {
  if (!isLocal(source)) {
    const { reference } = source;
    return reference.digest === undefined
      ? targetPlace(session, source)
      : repositoryPlace(session, reference, source.text);
  }
  if (isArchive(source)) throw unchangeable(source);
  if (source.kind === 'oci') {
    return source.tag === undefined ? layoutPlace(session, source) : targetPlace(session, source);
  }
  // Under an ID or a digest nothing can be put, which the target says.
  return targetPlace(session, source);
}

function unchangeable(source: LocalLocation): OciError {
  const where = isStandardStream(source) ? 'an archive on standard input' : 'in an archive';
  return new OciError('UNSUPPORTED', `${quoted(source.text)} is ${where}, which cannot be changed in place`, {
    hint: 'Say where the result goes: --tag, or --output for a file where the command has it',
  });
}

/** @param named whose name the result gets in a docker archive when it is given none */
async function targetPlace(session: Session, location: Location, named?: Location): Promise<ResultPlace> {
  const target = await openTarget(session, location, named);
  return {
    name: location.text,
    takesOneImage: takesOneImage(location),
    holdsIndexes: async () => holdsIndexes(session, location),
    // An archive is replaced whatever it holds.
    current: async () => (isArchive(location) ? undefined : target.current()),
    async write(result, options) {
      await target.write(result, options);
      return nameWithDigest(location, result.root.digest);
    },
  };
}

/** Only engines with containerd's image store keep indexes. */
async function holdsIndexes(session: Session, location: Location): Promise<boolean> {
  if (location.kind !== 'docker-daemon') return !takesOneImage(location);
  const { sessionEngine } = await import('../engine/session-engine.ts');
  return (await sessionEngine(session)).keepsManifests(session);
}

/** A repository that gets results by their digests. */
async function repositoryPlace(session: Session, repository: Repository, text: string): Promise<ResultPlace> {
  const destination = await registryDestination(session, repository, () => text);
  const target = targetIn(session, destination, { text, name: undefined });
  return {
    name: text,
    takesOneImage: false,
    holdsIndexes: async () => true,
    current: async () => undefined,
    async write(result, options) {
      await target.write(result, options);
      return `${destination.name}@${result.root.digest}`;
    },
  };
}

/** A layout whose entry has no name: the result is listed in its place. */
async function layoutPlace(session: Session, { text, path, digest }: LocalLocation): Promise<ResultPlace> {
  await checkThere(path, 'directory');
  const { openLayout } = await import('../../layout/layout-store.ts');
  const target = await openTarget(session, { kind: 'oci', text, path });
  const layout = await openLayout(path, session);
  const replaced = digest === undefined ? await layout.resolveSingle(session) : undefined;
  return {
    name: text,
    takesOneImage: false,
    holdsIndexes: async () => true,
    current: async () => replaced,
    async write(result, options) {
      await target.write(result, options);
      if (replaced !== undefined && options?.dryRun !== true)
        await layout.replace(replaced.digest, result.root, session);
      return `oci:${path}@${result.root.digest}`;
    },
  };
}

/** Local content that `--output` names; a bare path is a docker tarball, whose image has the name the result would have had. */
async function outputPlace(session: Session, output: string, named: Location | undefined): Promise<ResultPlace> {
  const location = hasLocalPrefix(output)
    ? parseLocation(output)
    : ({ kind: 'docker-archive', text: output, path: output } as const);
  const place = await targetPlace(session, location, named);
  return {
    ...place,
    async write(result, options) {
      await place.write(result, options);
      return undefined;
    },
  };
}

function namedBy(text: string): Location | undefined {
  return text === '' ? undefined : parseLocation(text);
}
