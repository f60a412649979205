import { OciError, quoted } from '../errors.ts';
import { type DockerArchive, type OpenDockerArchiveOptions, readDockerArchive } from './docker-archive.ts';
import { type OciArchive, readOciArchive } from './oci-archive.ts';
import { openTarFile } from './tar-file.ts';

/**
 * Opens an archive of either kind. One that is both, as `docker save` writes it, is read as docker's, which names the images
 * as the user does. Whoever opens it disposes of it.
 *
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE` when it is no tar or holds no images
 */
export async function openArchive(
  path: string,
  options: OpenDockerArchiveOptions = {},
): Promise<DockerArchive | OciArchive> {
  const file = await openTarFile(path, options);
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
