import type { Compression } from '../../content/compression.ts';
import { canCompressZstd } from '../../content/zstd.ts';
import { OciError } from '../../errors.ts';
import { type CompressionFlags, compressionFlags, compressionOf } from '../editing/compression-flags.ts';
import { familyFlag, hinting, rewriteAndPublish, rewriteFlags } from '../editing/rewriting.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { int, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const gzipLevel = 1;
const usual = compressionFlags(gzipLevel, '');

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Compress the layers of an image anew. The diff IDs are verified and stay, so the config keeps its bytes and the image is the same to whoever runs it; manifest and digest change. Of an index all images are worked on, or those for --platform, and a layer that images share once. Layers that are compressed so already stay as they are, unless a level is given; so do those that may not be passed on. Images with Docker media types cannot have zstd layers: --to oci converts the image at the same time.',
  examples:
    'crane recompress --compression zstd ghcr.io/org/app:v1 -t ghcr.io/org/app:v1-zstd\ncrane recompress --compression zstd --to oci docker.io/org/app:v1\ncrane recompress --compression gzip --compression-level 9 oci:layout:v1\ncrane recompress --compression none ghcr.io/org/app:v1 -o app.tar',
  arguments: exactly(1),
  complete: images,
  flags: {
    ...usual,
    compression: string({
      ...usual.compression,
      description: 'How all layers are compressed: gzip, zstd or none',
      required: true,
    }),
    to: familyFlag('Media types that everything gets at the same time', false),
    'max-bytes': int({
      description:
        'Most bytes that a layer may have decompressed; 0 means 16 GiB, or 200 times its stored size when that is more',
    }),
    ...rewriteFlags,
  },
  async run({ args: [image = ''], flags, context: session }) {
    const [compression, limit] = [await wantedCompression(flags), flags['max-bytes']];
    if (limit < 0) throw new UsageError(`--max-bytes cannot be below zero, but is ${limit}`);
    const source = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const { recompress } = await import('../../ops/layers/recompress.ts');
    await rewriteAndPublish(session, source, flags, (artifact, options) =>
      step(`recompressing ${JSON.stringify(image)}`, () =>
        hinting(
          () =>
            recompress(artifact, compression, {
              ...options,
              format: flags.to,
              limit: limit === 0 ? undefined : limit,
            }),
          hintFor,
        ),
      ),
    );
  },
});

/** Without a level layers that are compressed so already stay. */
async function wantedCompression(flags: CompressionFlags): Promise<Compression> {
  const compression = compressionOf(flags, gzipLevel);
  if (compression === undefined) throw new UsageError('required flag(s) "compression" not set');
  if (compression.kind === 'zstd' && !(await canCompressZstd())) {
    throw new OciError('UNSUPPORTED', 'This runtime cannot compress with zstd', {
      hint: 'Use --compression gzip, or run a Node.js from 22.15 on',
    });
  }
  return flags['compression-level'] === 0 ? { kind: compression.kind } : compression;
}

function hintFor({ code, message }: OciError): string | undefined {
  if (code === 'LIMIT_EXCEEDED') return 'Raise --max-bytes when the image is to be trusted';
  if (code !== 'UNSUPPORTED') return undefined;
  if (/manifest list/.test(message)) return 'Leave attestations out: --drop-attestations';
  return /zstd/.test(message) ? 'Give it OCI media types at the same time: --to oci' : undefined;
}
