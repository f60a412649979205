import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '../../test/support/temp-directory.ts';
import { collect } from '../content/bytes.ts';
import { spool, type Spool } from '../content/spool.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { BlobDirectory } from './blobs.ts';

describe('BlobDirectory with content from a temporary file', () => {
  const bytes = randomBytes(300_000);
  let work: TemporaryDirectory;
  let kept: Spool;
  let target: Descriptor;

  beforeAll(async () => {
    work = await temporaryDirectory();
    kept = await spool(bytes, { directory: work.file('temporary') });
    target = { mediaType: mediaTypes.ociLayerGzip, digest: kept.digest, size: kept.size };
  });

  afterAll(async () => {
    await kept[Symbol.asyncDispose]();
    await work.remove();
  });

  const proven = async (): Promise<VerifiedStream> => VerifiedStream.proven(await kept.open(), target);

  it('links to the file instead of writing it again, and counts its bytes', async () => {
    const blobs = new BlobDirectory(work.file('linked'));
    let counted = 0;
    await blobs.write(
      target,
      (await proven()).onBytes((count) => (counted += count)),
    );
    expect(counted).toBe(bytes.length);
    const [ours, theirs] = await Promise.all([stat(blobs.pathOf(target.digest)), stat(kept.path)]);
    expect(ours.ino).toBe(theirs.ino);
    // Others may read it as any file that is written there.
    if (process.platform !== 'win32') expect(ours.mode & 0o777).toBe(0o644 & ~process.umask());
    expect(bytes.equals(await collect(await blobs.read(target), bytes.length))).toBe(true);
  });

  it('writes what was not checked, or has been read from', async () => {
    const blobs = new BlobDirectory(work.file('written'));
    await blobs.write(target, await kept.open());
    expect((await stat(blobs.pathOf(target.digest))).ino).not.toBe((await stat(kept.path)).ino);

    const stream = await proven();
    await stream[Symbol.asyncIterator]().next();
    expect(stream.file).toBeUndefined();
    await stream.cancel();
  });

  it('replaces a file of another size', async () => {
    const blobs = new BlobDirectory(work.file('replaced'));
    const path = blobs.pathOf(target.digest);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'cut');
    await blobs.write(target, await proven());
    expect(bytes.equals(await collect(await blobs.read(target), bytes.length))).toBe(true);
  });

  it.skipIf(process.getuid?.() !== 0)('writes in a directory of another group, which files are to have', async () => {
    const blobs = new BlobDirectory(work.file('shared'));
    const path = blobs.pathOf(target.digest);
    await mkdir(dirname(path), { recursive: true });
    await chown(dirname(path), 0, 12_345);
    await chmod(dirname(path), 0o2775);
    await blobs.write(target, await proven());
    expect((await stat(path)).gid).toBe(12_345);
  });

  it('writes where nothing can be linked to', async () => {
    const blobs = new BlobDirectory(work.file('gone'));
    const other = await spool(bytes, { directory: work.file('temporary') });
    const stream = VerifiedStream.proven(await other.open(), target);
    // Its name is gone, as it is for a link on another file system.
    await other[Symbol.asyncDispose]();
    await blobs.write(target, stream);
    expect(bytes.equals(await collect(await blobs.read(target), bytes.length))).toBe(true);
  });
});
