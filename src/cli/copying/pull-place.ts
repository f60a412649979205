import { OciError, quoted } from '../../errors.ts';
import { UsageError } from '../framework/usage-error.ts';
import { hasLocalPrefix, isLocal, type LocalLocation, parseLocation } from '../location.ts';
import type { SaveOptions } from '../save.ts';

export const pullFormats = ['tarball', 'legacy', 'oci'] as const;

/** `--format`, for paths without a prefix. */
export type PullFormat = (typeof pullFormats)[number];

/** What a pull writes. */
export interface PullPlace {
  readonly kind: PullFormat | 'oci-archive' | 'engine';
  /** `-` for standard output. */
  readonly path: string;
  /** What the image is called there, where the user says so. */
  readonly name?: string | undefined;
  readonly location?: LocalLocation | undefined;
}

/**
 * Reads where a pull puts images: a path, whose format a flag says, or a location with a prefix, which says it itself.
 *
 * @param given `--format`; `undefined` when it was left out
 * @param count how many images are pulled
 * @throws {UsageError} when flag and prefix disagree, or several images would get one name; {OciError} `INVALID_REFERENCE`
 */
export function parsePullPlace(text: string, given: PullFormat | undefined, count: number): PullPlace {
  if (!hasLocalPrefix(text)) return { kind: given ?? 'tarball', path: text };
  const location = parseLocation(text);
  if (!isLocal(location)) return { kind: given ?? 'tarball', path: text };
  const { path, tag: name, digest } = location;
  if (digest !== undefined) {
    throw new OciError('INVALID_REFERENCE', `${quoted(text)} is where images are put, which a digest cannot say`, {
      hint: 'Write a name, or none',
    });
  }
  checkFormat(location, given);
  const takesMore = location.kind !== 'docker-daemon' && name === undefined;
  if (count > 1 && !takesMore) throw new UsageError(`${quoted(text)} names one image, and there are ${count}`);
  return { kind: kindOf(location, given), path, name, location };
}

/** Loads what writes there. */
export async function loadSaver({ kind, location }: PullPlace): Promise<(options: SaveOptions) => Promise<void>> {
  switch (kind) {
    case 'oci':
      return (await import('../save-layout.ts')).saveLayout;
    case 'oci-archive':
      return (await import('../save-oci-archive.ts')).saveOciArchive;
    case 'tarball':
      return (await import('../save-tarball.ts')).saveTarball;
    case 'legacy':
      return (await import('../save-tarball.ts')).saveLegacyTarball;
    case 'engine':
      return async (options) => saveIntoEngine(options, location);
    default:
      return kind satisfies never;
  }
}

function checkFormat({ kind, text }: LocalLocation, given: PullFormat | undefined): void {
  if (given === undefined || fitting[kind].includes(given)) return;
  if (kind === 'archive') {
    throw new UsageError(
      'a layout is a directory, and cannot go to standard output; oci-archive:- writes an archive of one',
    );
  }
  throw new UsageError(`--format ${given} does not go with ${quoted(text)}, which says by itself what is written`);
}

const fitting: Readonly<Record<LocalLocation['kind'], readonly PullFormat[]>> = {
  oci: ['oci'],
  'oci-archive': ['oci'],
  'docker-archive': ['tarball', 'legacy'],
  archive: ['tarball', 'legacy'],
  'docker-daemon': [],
};

function kindOf({ kind }: LocalLocation, given: PullFormat | undefined): PullPlace['kind'] {
  if (kind === 'oci' || kind === 'oci-archive') return kind;
  return kind === 'docker-daemon' ? 'engine' : (given ?? 'tarball');
}

async function saveIntoEngine({ session, images, copy }: SaveOptions, location?: LocalLocation): Promise<void> {
  const [image] = images;
  if (image === undefined || location === undefined) return;
  const { openTarget } = await import('./target.ts');
  const target = await openTarget(session, location, image.location);
  await target.write(image.artifact, copy);
}
