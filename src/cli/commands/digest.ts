import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { formatRepository, identifierOf } from '../../oci/reference.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { RemoteStore } from '../../remote/remote-store.ts';
import { images } from '../completing/completions.ts';
import { atMost } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag, printWritten } from '../json-result.ts';
import { hasLocalPrefix, type Location, nameWithDigest, parseLocation, withKnownKind } from '../location.ts';
import { openLocation, openTarball } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Print the digest of an image, an index or any other artifact. With --platform, print the digest of the image for that platform.',
  examples:
    'crane digest alpine\ncrane digest --platform linux/arm64 --full-ref ghcr.io/org/app:v1\ncrane digest oci:layout:v1',
  arguments: atMost(1),
  complete: images,
  flags: {
    json: jsonFlag('Print a JSON object with reference, digest, media type and size'),
    'full-ref': bool({ description: 'Print the full name of the image with the digest' }),
    tarball: string({
      description: 'Docker or OCI archive to read, - for standard input; IMAGE then names one of the images in it',
    }),
  },
  async run({ args: [image], flags, context: session, help }) {
    if (flags.tarball !== '') {
      if (flags['full-ref']) throw new UsageError('cannot specify --full-ref with --tarball');
      const { root, store } = await step(`loading image from ${JSON.stringify(flags.tarball)}`, () =>
        openTarball(session, flags.tarball, image),
      );
      const place = withKnownKind(tarballLocation(flags.tarball), store);
      return printWritten(session, { line: root.digest, reference: nameWithDigest(place, root.digest), root });
    }
    if (image === undefined) {
      await session.print(help());
      throw new UsageError('image reference required without --tarball');
    }
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const prefix = flags['full-ref'] ? `${repositoryOf(location)}@` : '';
    const { root, place } = await step(`reading ${JSON.stringify(image)}`, () => rootAt(session, location));
    const { digest } = root;
    return printWritten(session, { line: `${prefix}${digest}`, reference: nameWithDigest(place, digest), root });
  },
});

/** A HEAD is enough unless a platform has to be chosen. */
async function rootAt(
  session: Session,
  location: Location,
): Promise<{ readonly root: Descriptor; readonly place: Location }> {
  if (location.kind === 'registry' && session.platform === undefined) {
    const store = await session.repository(location.reference);
    return { root: await resolveWithWords(store, identifierOf(location.reference), session), place: location };
  }
  const artifact = await openLocation(session, location);
  const place = withKnownKind(location, artifact.store);
  if (session.platform === undefined) return { root: artifact.root, place };
  return { root: (await imageForPlatform(artifact, session.platform, session)).root, place };
}

/** An answer to HEAD has no words; where it is the last one, the answer to GET says what is not there. */
async function resolveWithWords(store: RemoteStore, reference: string, { signal }: Session): Promise<Descriptor> {
  try {
    return await store.resolve(reference, { signal });
  } catch (error) {
    if (!isOciError(error, 'NOT_FOUND')) throw error;
    return (await store.fetchManifest(reference, { signal })).descriptor;
  }
}

function tarballLocation(path: string): Location {
  return hasLocalPrefix(path) ? parseLocation(path) : { kind: 'archive', text: path, path };
}

function repositoryOf(location: Location): string {
  if (location.kind === 'registry') return formatRepository(location.reference);
  throw new OciError(
    'UNSUPPORTED',
    `--full-ref needs an image in a registry, but ${JSON.stringify(location.text)} is local`,
  );
}
