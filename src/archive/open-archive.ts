import type { ByteSource } from '../content/bytes.ts';
import { OciError, quoted } from '../errors.ts';
import { type DockerArchive, type OpenDockerArchiveOptions, readDockerArchive } from './docker-archive.ts';
import { type OciArchive, readOciArchive } from './oci-archive.ts';
import { type ArchiveFile, openTarFile } from './tar-file.ts';

/**
 * Opens an archive of either kind, compressed with gzip, zstd or not at all. One that is both, as `docker save` writes it, is
 * read as docker's, which names the images as the user does. Whoever opens it disposes of it.
 *
 * @param input a path, or the bytes of the archive, which are read once and kept in a temporary file
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE` when it is no tar or holds no images
 */
export async function openArchive(
  input: string | ByteSource,
  options: OpenDockerArchiveOptions = {},
): Promise<DockerArchive | OciArchive> {
  return readArchive(await openTarFile(input, options), options);
}

/**
 * Reads the images of a tar archive that is open already, of either kind; the archive then belongs to the result.
 *
 * @throws {OciError} `INVALID_ARCHIVE`, `INVALID_LAYOUT`, `LIMIT_EXCEEDED`
 */
export async function readArchive(
  file: ArchiveFile,
  options: OpenDockerArchiveOptions = {},
): Promise<DockerArchive | OciArchive> {
  try {
    if (file.index.get('manifest.json') !== undefined) return await readDockerArchive(file, options);
    if (file.index.get('index.json') !== undefined) return await readOciArchive(file, options);
    if (file.index.entries.length === 0) {
      throw new OciError('INVALID_ARCHIVE', `The archive ${quoted(file.name)} is empty`);
    }
    throw new OciError(
      'INVALID_ARCHIVE',
      `${quoted(file.name)} holds no image: file manifest.json not found in tar, nor index.json`,
      {
        hint: 'Name an archive as "crane pull" or "docker save" writes it, or one of an OCI layout',
      },
    );
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}
