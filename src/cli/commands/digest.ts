import { isOciError, OciError } from '../../errors.ts';
import { formatRepository, identifierOf } from '../../oci/reference.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { RemoteStore } from '../../remote/remote-store.ts';
import { images } from '../completing/completions.ts';
import { atMost } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { type Location, parseLocation } from '../location.ts';
import { openLocation, openTarball } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import type { Digest } from '../../oci/digest.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Print the digest of an image, an index or any other artifact. With --platform, print the digest of the image for that platform.',
  examples:
    'crane digest alpine\ncrane digest --platform linux/arm64 --full-ref ghcr.io/org/app:v1\ncrane digest oci:layout:v1',
  arguments: atMost(1),
  complete: images,
  flags: {
    'full-ref': bool({ description: 'Print the full name of the image with the digest' }),
    tarball: string({
      description: 'Docker or OCI archive to read, - for standard input; IMAGE then names one of the images in it',
    }),
  },
  async run({ args: [image], flags, context: session, help }) {
    if (flags.tarball !== '') {
      if (flags['full-ref']) throw new UsageError('cannot specify --full-ref with --tarball');
      const { root } = await step(`loading image from ${JSON.stringify(flags.tarball)}`, () =>
        openTarball(session, flags.tarball, image),
      );
      return session.print(`${root.digest}\n`);
    }
    if (image === undefined) {
      await session.print(help());
      throw new UsageError('image reference required without --tarball');
    }
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const digest = await step(`reading ${JSON.stringify(image)}`, () => digestAt(session, location));
    return session.print(`${flags['full-ref'] ? `${repositoryOf(location)}@` : ''}${digest}\n`);
  },
});

/** A HEAD is enough unless a platform has to be chosen. */
async function digestAt(session: Session, location: Location): Promise<Digest> {
  if (location.kind === 'registry' && session.platform === undefined) {
    const store = await session.repository(location.reference);
    return resolveWithWords(store, identifierOf(location.reference), session);
  }
  const artifact = await openLocation(session, location);
  if (session.platform === undefined) return artifact.root.digest;
  return (await imageForPlatform(artifact, session.platform, session)).root.digest;
}

/** An answer to HEAD has no words; where it is the last one, the answer to GET says what is not there. */
async function resolveWithWords(store: RemoteStore, reference: string, { signal }: Session): Promise<Digest> {
  try {
    return (await store.resolve(reference, { signal })).digest;
  } catch (error) {
    if (!isOciError(error, 'NOT_FOUND')) throw error;
    return (await store.fetchManifest(reference, { signal })).descriptor.digest;
  }
}

function repositoryOf(location: Location): string {
  if (location.kind === 'registry') return formatRepository(location.reference);
  throw new OciError(
    'UNSUPPORTED',
    `--full-ref needs an image in a registry, but ${JSON.stringify(location.text)} is local`,
  );
}
