import type { OciError } from '../../errors.ts';
import { familyFlag, hinting, rewriteAndPublish, rewriteFlags } from '../editing/rewriting.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Give an image, or the images of an index and the index itself, OCI media types or those of Docker. Config and layers keep their bytes, and none of them is read or moved; there and back gives the same digests where a manifest says its own type. Docker has no types for zstd layers, which crane recompress --compression gzip --to docker makes gzip, and none for attestations, which --drop-attestations leaves out.',
  examples:
    'crane convert --to oci docker.io/org/app:v1 -t ghcr.io/org/app:v1\ncrane convert --to docker --drop-attestations ghcr.io/org/app:v1\ncrane convert --to oci docker-archive:app.tar -o oci:layout:v1',
  arguments: exactly(1),
  complete: images,
  flags: { to: familyFlag('Whose media types the result has', true), ...rewriteFlags },
  async run({ args: [image = ''], flags, context: session }) {
    const { to } = flags;
    if (to === undefined) throw new UsageError('required flag(s) "to" not set');
    const source = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const { convertMediaTypes } = await import('../../ops/layers/convert-media-types.ts');
    await rewriteAndPublish(session, source, flags, (artifact, options) =>
      step(`converting ${JSON.stringify(image)}`, () =>
        hinting(() => convertMediaTypes(artifact, to, options), hintFor),
      ),
    );
  },
});

function hintFor({ code, message }: OciError): string | undefined {
  if (code !== 'UNSUPPORTED') return undefined;
  if (/manifest list/.test(message)) return 'Leave attestations out: --drop-attestations';
  return /zstd/.test(message)
    ? 'Compress them with gzip at the same time: crane recompress --compression gzip --to docker'
    : undefined;
}
