export {
  type ArchivedImage,
  DockerArchive,
  openDockerArchive,
  type OpenDockerArchiveOptions,
} from './docker-archive.ts';
export {
  type ByteSink,
  type NamedImage,
  type WriteArchiveOptions,
  writeDockerArchive,
} from './docker-archive-writer.ts';
export { writeLegacyArchive, type WriteLegacyArchiveOptions } from './legacy-archive-writer.ts';
export { OciArchive, openOciArchive } from './oci-archive.ts';
export { type ArchivedArtifact, writeOciArchive, type WriteOciArchiveOptions } from './oci-archive-writer.ts';
export { openArchive } from './open-archive.ts';
export type { OpenTarOptions } from './tar-file.ts';
