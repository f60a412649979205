import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OciError, quoted } from '../../errors.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { hasLocalPrefix, isArchive, type Location, parseLocation } from '../location.ts';
import { checkThere } from '../local-content.ts';
import { openPath } from '../open-path.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/**
 * What an argument of `crane index` means: a layout as a whole, whose index is its index.json, also in an archive; or what a
 * reference, a prefixed location or the path of an archive names.
 */
export type IndexArgument =
  | { readonly kind: 'layout'; readonly text: string; readonly path: string }
  | {
      readonly kind: 'location';
      readonly text: string;
      readonly location: Location;
      /** Of an OCI archive its index.json. @default what it holds, if that is one thing */
      readonly whole?: boolean | undefined;
    };

/**
 * Reads an argument that stands for an index. As with crane, a path that exists, or begins as one does, is local content; with
 * a prefix that is said, and `oci:DIR` without a tag is the whole layout, as `oci-archive:FILE` is. crane-cli reference,
 * section 9.13.
 */
export async function parseIndexArgument(session: Session, text: string): Promise<IndexArgument> {
  const argument = await parseImageArgument(session, text);
  if (argument.kind !== 'location' || argument.location.kind === 'registry') return argument;
  const { kind, path, tag, digest } = argument.location;
  if (tag !== undefined || digest !== undefined) return argument;
  return kind === 'oci' ? { kind: 'layout', text, path } : { ...argument, whole: isArchive(argument.location) };
}

/** Reads an argument that stands for an image or an index: `oci:DIR` is then what the layout holds, if that is one thing. */
export async function parseImageArgument(session: Session, text: string): Promise<IndexArgument> {
  if (hasLocalPrefix(text)) return named(text);
  const isPath = /^(?:[./\\]|[a-zA-Z]:[\\/])/.test(text);
  const found = await stat(text).catch(() => undefined);
  if (found === undefined) return isPath ? { kind: 'layout', text, path: text } : named(text);
  if (!found.isDirectory()) return { kind: 'location', text, location: { kind: 'archive', text, path: text } };
  if (isPath) return { kind: 'layout', text, path: text };
  const isLayout = (await stat(join(text, 'index.json')).catch(() => undefined)) !== undefined;
  session.log.line(
    isLayout
      ? `${text} is a directory here and taken for a layout; for an image of that name write its registry, too`
      : `${text} is a directory here but no layout, and taken for the name of an image`,
  );
  return isLayout ? { kind: 'layout', text, path: text } : named(text);
}

/** Opens what an argument means; of a layout as a whole its index.json. */
export async function openIndexArgument(session: Session, argument: IndexArgument): Promise<Artifact> {
  const { kind, text } = argument;
  if (kind === 'location') {
    const { location, whole } = argument;
    if (location.kind === 'archive') return openPath(session, location, { wholeIndex: whole });
    return step(`pulling ${text}`, () => openPath(session, location, { wholeIndex: whole }));
  }
  await checkLayout(argument);
  const { openLayout } = await import('../../layout/layout-store.ts');
  return step(`loading ${text} as OCI layout`, async () =>
    (await openLayout(argument.path, session)).indexArtifact(session),
  );
}

/** A path that is not there may have been meant as an archive or as a layout. @throws {OciError} `NOT_FOUND` */
export async function checkLayout({ text, path }: IndexArgument & { readonly kind: 'layout' }): Promise<void> {
  await checkThere(path, hasLocalPrefix(text) ? 'directory' : 'file or directory');
}

/** @throws {OciError} `UNSUPPORTED` for what is no index */
export function checkIndex({ root }: Artifact, text: string): void {
  if (isIndexType(root.mediaType)) return;
  throw new OciError('UNSUPPORTED', `expected ${text} to be an index, got ${quoted(root.mediaType)}`);
}

async function named(text: string): Promise<IndexArgument> {
  const location = await step(`parsing reference ${JSON.stringify(text)}`, async () => parseLocation(text));
  return { kind: 'location', text, location };
}
