import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchedStream } from '../../../test/conformance/samples.ts';
import { packZstd } from '../../../test/support/pack-zstd.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../../../test/support/temp-directory.ts';
import { collect } from '../../content/bytes.ts';
import { digestOf } from '../../content/hash.ts';
import { canCompressZstd } from '../../content/zstd.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { StagingStore } from '../../store/staging.ts';
import { layerFromTar } from './layer-from-tar.ts';
import type { NewLayer } from './new-layer.ts';

const megabytes = 50 * 1024 * 1024;
const tar = tarOf({ 'a.txt': 'a', 'b/c.bin': Buffer.alloc(2_000_000, 'bytes of a file ') });

let home: TemporaryDirectory;

beforeAll(async () => {
  home = await temporaryDirectory();
});

afterAll(() => home.remove());

const forms = [
  ['plain', tar],
  ['gzip', gzipSync(tar)],
  ['zstd', packZstd(tar)],
] as const;

describe.each(forms)('a %s archive', (form, packed) => {
  it.each(['a file', 'a stream', 'bytes'])('is a layer, as %s', async (way) => {
    const path = home.file(`${form}.bin`);
    await writeFile(path, packed);
    const source = way === 'a file' ? path : way === 'bytes' ? packed : pieces(packed, 999);
    const directory = home.file(`spool of ${form} as ${way}`);
    const layer = await layerFromTar(source, { directory });
    expect(layer.diffId).toBe(digestOf(tar));
    const bytes = await bytesOf(layer);
    expect(layer.descriptor).toMatchObject({ digest: digestOf(bytes), size: bytes.length });
    if (form === 'plain') {
      expect(layer.descriptor.mediaType).toBe(mediaTypes.ociLayerGzip);
      expect(gunzipSync(bytes).equals(tar)).toBe(true);
    } else {
      expect(layer.descriptor.mediaType).toBe(form === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd);
      expect(bytes.equals(packed)).toBe(true);
    }
    const part = await collect(await layer.content.open(100), megabytes);
    expect(bytes.subarray(100).equals(part)).toBe(true);
    await layer[Symbol.asyncDispose]();
    expect(await readdir(directory).catch(() => [])).toEqual([]);
    expect((await readFile(path)).equals(packed)).toBe(true);
  });
});

describe('layerFromTar', () => {
  it('leaves a plain archive as it is when nothing shall be compressed', async () => {
    await writeFile(home.file('plain.tar'), tar);
    for (const source of [home.file('plain.tar'), pieces(tar, 70_000)]) {
      const layer = await layerFromTar(source, { compression: { kind: 'none' }, format: 'docker' });
      expect(layer.descriptor).toEqual({
        mediaType: mediaTypes.dockerLayer,
        digest: digestOf(tar),
        size: tar.length,
      });
      expect((await bytesOf(layer)).equals(tar)).toBe(true);
      await layer[Symbol.asyncDispose]();
    }
  });

  it('compresses as much as it is told, into what other programs read', async () => {
    const layer = await layerFromTar(tar, { compression: { kind: 'gzip', level: 9 }, format: 'docker' });
    expect(layer.descriptor.mediaType).toBe(mediaTypes.dockerLayerGzip);
    const bytes = await bytesOf(layer);
    expect(execFileSync('tar', ['-tzf', '-'], { input: bytes, encoding: 'utf8' })).toBe('a.txt\nb/c.bin\n');
    await layer[Symbol.asyncDispose]();
  });

  it('compresses with zstd where the runtime can, and says so where it cannot', async () => {
    const made = layerFromTar(tar, { compression: { kind: 'zstd' }, directory: home.file('zstd') });
    if (await canCompressZstd()) expect((await made).descriptor.mediaType).toBe(mediaTypes.ociLayerZstd);
    else await expect(made).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: expect.anything() as string });
  });

  it.each([
    ['text', Buffer.from('This is no tar archive. '.repeat(100))],
    ['a short text', Buffer.from('no')],
    ['nothing', Buffer.alloc(0)],
    ['an archive compressed twice', gzipSync(gzipSync(tar))],
    ['compressed nothing', gzipSync(Buffer.alloc(0))],
    ['an archive that is cut', tar.subarray(0, 700_000)],
    ['a compressed archive that is cut', gzipSync(tar).subarray(0, 2000)],
    ['an archive with damage in its middle', Buffer.concat([tar.subarray(0, 1024), Buffer.alloc(512, 'x')])],
  ])('refuses %s and leaves nothing', async (_, content) => {
    await writeFile(home.file('wrong'), content);
    const directory = home.file('of failures');
    for (const source of [home.file('wrong'), pieces(content, 1000)]) {
      await expect(layerFromTar(source, { directory })).rejects.toMatchObject({
        code: 'INVALID_ARCHIVE',
        message: expect.stringMatching(/^The layer.* is no usable tar archive: /) as string,
        hint: expect.anything() as string,
      });
    }
    expect(await readdir(directory).catch(() => [])).toEqual([]);
  });

  it('stops a stream without end that is no archive at its first block', async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; ; given++) yield Buffer.alloc(1000, 'y\n');
    }
    await expect(layerFromTar(endless())).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    expect(given).toBeLessThan(10);
  });

  it('stops a bomb at the limit', async () => {
    for (const [, packed] of forms) {
      await expect(layerFromTar(packed, { limit: 1_000_000, name: 'The layer of a bomb' })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        message: 'The layer of a bomb is larger than the limit of 1000000 bytes without compression',
      });
    }
  });

  it('refuses zstd among Docker media types', async () => {
    await expect(layerFromTar(packZstd(tar), { format: 'docker' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: 'Convert the image to OCI media types, or use gzip',
    });
  });

  it('names a file that is missing, and directories', async () => {
    await expect(layerFromTar(home.file('missing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(layerFromTar(home.path)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('releases a stream that it gives up, also when it hangs and the signal aborts', async () => {
    const wrong = new WatchedStream([Buffer.from('no archive')]);
    await expect(layerFromTar(wrong)).rejects.toThrow();
    expect(wrong.released).toBe(true);
    const controller = new AbortController();
    const reason = new Error('enough');
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield tar.subarray(0, 4096);
      setTimeout(() => controller.abort(reason), 10);
      await new Promise(() => {});
    }
    await expect(layerFromTar(hanging(), { signal: controller.signal })).rejects.toBe(reason);
  });

  it('notices a file that changed after it was read', async () => {
    const path = home.file('changing.tar');
    await writeFile(path, tar);
    const layer = await layerFromTar(path, { compression: { kind: 'none' } });
    await writeFile(path, tarOf({ 'a.txt': 'other' }));
    await expect(bytesOf(layer)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  it('gives content that a staging store adopts', async () => {
    const directory = home.file('staged');
    const store = new StagingStore({ directory });
    const [first, second] = [await layerFromTar(tar, { directory }), await layerFromTar(tar, { directory })];
    await store.adopt(first.descriptor, first.content);
    await store.adopt(second.descriptor, second.content);
    expect(await readdir(directory)).toHaveLength(1);
    const bytes = await collect(await store.fetch(first.descriptor), megabytes);
    expect(gunzipSync(bytes).equals(tar)).toBe(true);
    await store[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
  });
});

async function bytesOf(layer: NewLayer): Promise<Buffer> {
  return Buffer.from(await collect(await layer.content.open(0), megabytes));
}

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
