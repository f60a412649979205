import { OciError, quoted } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { formatLocation, type Location, parseLocation } from '../location.ts';
import { openStore } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'BLOB',
  description:
    'Write a blob to standard output as it is stored, compressed or not. BLOB is a repository, a layout or an archive, and the digest of the blob. Its digest is verified while it streams; a mismatch ends the command with an error.',
  examples: 'crane blob alpine@sha256:… > layer.tar.gz\ncrane blob oci:layout@sha256:… > layer.tar.gz',
  arguments: exactly(1),
  complete: images,
  async run({ args: [blob = ''], context: session }) {
    const { location, digest } = await step(`pulling layer ${blob}`, async () => parseBlob(blob));
    await step(`fetching blob ${blob}`, async () => {
      const store = await openStore(session, location);
      const target = await store.stat({ mediaType: mediaTypes.octetStream, digest }, session);
      if (target === undefined) {
        throw new OciError('NOT_FOUND', 'there is no blob with that digest', {
          hint: 'crane manifest shows the digests of config and layers',
        });
      }
      for await (const chunk of await store.fetch(target, session)) await session.print(chunk);
    });
  },
});

function parseBlob(text: string): { readonly location: Location; readonly digest: Digest } {
  const location = parseLocation(text);
  if (location.kind === 'docker-daemon') {
    throw new OciError('UNSUPPORTED', `${quoted(text)} is in a Docker engine, which gives images only as a whole`, {
      hint: `Copy it first: crane copy ${text} oci:DIR, then crane blob oci:DIR@sha256:…`,
    });
  }
  const digest = location.kind === 'registry' ? location.reference.digest : location.digest;
  if (digest !== undefined) return { location, digest };
  throw new OciError('INVALID_REFERENCE', `${quoted(text)} names no blob: a digest is missing`, {
    hint: `Write ${wholeOf(location)}@sha256:…`,
  });
}

function wholeOf(location: Location): string {
  if (location.kind === 'registry') return 'repository';
  const kind = location.kind === 'archive' ? 'docker-archive' : location.kind;
  return formatLocation({ kind, path: location.path });
}
