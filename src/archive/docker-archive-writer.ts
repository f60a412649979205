import {
  type ByteSink,
  plannedChunks,
  type WriteArchiveOptions,
  writeOutput,
  writePlannedFile,
} from './archive-output.ts';
import { type NamedImage, planDockerArchive } from './docker-archive-plan.ts';

export type { ByteSink, NamedImage, WriteArchiveOptions };

/**
 * Writes images as `docker load` takes them: compressed layers as they are, byte for byte what crane writes for one image.
 * crane-cli reference, section 13.1. Layers are verified while they are written, each once; a file appears when complete.
 *
 * @param output a path, or a sink that gets the chunks in order
 * @throws {OciError} `UNSUPPORTED` when a root is no image manifest, and what reading the images throws
 */
export async function writeDockerArchive(
  images: readonly NamedImage[],
  output: string | ByteSink,
  options: WriteArchiveOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const files = await planDockerArchive(images, options);
  await writeOutput(
    output,
    (path) => writePlannedFile(path, files, options),
    () => plannedChunks(files, options),
    options,
  );
}
