import { describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from './digest.ts';
import { type ImageConfig, parseImageConfig } from './image-config.ts';

const digest: Digest = parseDigest(`sha256:${'c'.repeat(64)}`);

function parse(text: string): ImageConfig {
  return parseImageConfig(Buffer.from(text), digest);
}

describe('an image config', () => {
  it('is decoded, with what is missing filled in and the rest kept', () => {
    expect(parse('{}')).toEqual({
      architecture: '',
      os: '',
      rootfs: { type: '', diff_ids: [] },
      history: [],
    });
    expect(
      parse(
        `{"os":"linux","rootfs":{"type":"layers","diff_ids":["${digest}"]},"config":{"Env":["A=1"]},
          "history":[{"created_by":"x"},{"empty_layer":true,"extra":1}],"moby.buildkit.cache":"y"}`,
      ),
    ).toMatchObject({
      os: 'linux',
      rootfs: { diff_ids: [digest] },
      history: [
        { created_by: 'x', empty_layer: false },
        { empty_layer: true, extra: 1 },
      ],
      config: { Env: ['A=1'] },
      'moby.buildkit.cache': 'y',
    });
  });

  it('may have null lists, as Go writes them', () => {
    expect(parse('{"rootfs":{"type":"layers","diff_ids":null},"history":null}')).toMatchObject({
      rootfs: { diff_ids: [] },
      history: [],
    });
  });

  it.each([
    ['[]', 'should be an object'],
    ['null', 'should be an object'],
    ['{"os":1}', 'os should be a string'],
    ['{"rootfs":{"diff_ids":["sha256:x"]}}', 'Invalid digest "sha256:x"'],
    ['{"history":[{"empty_layer":"no"}]}', 'history[0].empty_layer'],
    ['{', 'is not JSON'],
    ['', 'is not JSON'],
  ])('is refused when it is %s', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(`Config ${digest}`);
  });

  it('is refused when it is not UTF-8', () => {
    expect(() => parseImageConfig(Uint8Array.of(0x22, 0xff, 0x22), digest)).toThrow('is not UTF-8');
  });
});
