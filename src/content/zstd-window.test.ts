import { describe, expect, it } from 'vitest';
import { packZstd } from '../../test/support/pack-zstd.ts';
import { collect, streamOf } from './bytes.ts';
import { withinWindow } from './zstd-window.ts';

async function through(...bytes: readonly number[]): Promise<number> {
  const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]), Buffer.alloc(20)]);
  return (await collect(withinWindow(streamOf(frame)), 100)).byteLength;
}

describe('withinWindow', () => {
  it('passes on what decoders take, and what is no frame', async () => {
    expect(await through(0x00, 17 << 3)).toBeGreaterThan(0);
    expect(await through(0xa0, 0, 0, 0, 8)).toBeGreaterThan(0);
    const packed = packZstd(Buffer.from('small'));
    for (const data of [packed, Buffer.from('no frame'), Buffer.alloc(0)]) {
      expect(data.equals(await collect(withinWindow(streamOf(data)), 1000))).toBe(true);
    }
  });

  it.each([
    ['in its descriptor', [0x00, 18 << 3]],
    ['in a fraction of its descriptor', [0x00, (17 << 3) | 1]],
    ['as the size of its content', [0xa0, 1, 0, 0, 8]],
    ['as the size of its content in eight bytes, behind a dictionary', [0xe1, 7, 0, 0, 0, 0, 1, 0, 0, 0]],
  ])('says which window is too large: %s', async (_, bytes) => {
    await expect(through(...bytes)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('the limit is 134217728') as string,
    });
  });
});
