export {
  type ByteSource,
  type ByteStream,
  type ByteTransform,
  collect,
  discard,
  pipe,
  streamOf,
  toReadableStream,
} from './bytes.ts';
export {
  compressing,
  type Compression,
  type CompressionKind,
  compressionOf,
  decompress,
  decompressing,
  detectCompression,
} from './compression.ts';
export { readFileStream, type ReadFileOptions, writeFileAtomically, type WriteFileOptions } from './file.ts';
export type { GrowingContent } from './growing-file.ts';
export { gunzipping, type GzipOptions, gzipping } from './gzip.ts';
export { describeBytes, Digester, digestOf } from './hash.ts';
export { type IgnoreRules, ignoreRules } from './ignore-rules.ts';
export { maxConfigSize, maxManifestSize } from './limit.ts';
export { type OpenSpoolOptions, Spool, spool, type SpoolOptions } from './spool.ts';
export { encodeTarHeader, type EncodeTarHeaderOptions, type TarFields, tarFieldsOf } from './tar/encode-header.ts';
export type {
  TarEntryType,
  TarFormat,
  TarHeader,
  TarHeaderPart,
  TarSparse,
  TarSparseRange,
  TarTime,
} from './tar/entry.ts';
export { safePath } from './tar/path.ts';
export { type TarEntry, TarReader, type TarReaderOptions } from './tar/reader.ts';
export { type IndexTarOptions, indexTar, TarIndex, type TarIndexEntry } from './tar/tar-index.ts';
export { type TarInput, writeTar } from './tar/writer.ts';
export { collectVerified, type Expected, VerifiedStream } from './verify.ts';
export type { DecompressOptions } from './zlib-engine.ts';
export { canCompressZstd, type ZstdOptions, unzstding, zstding } from './zstd.ts';
