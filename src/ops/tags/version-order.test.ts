import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { versionOrder } from './version-order.ts';

const { read, compare } = await versionOrder();

describe('a tag', () => {
  it.each([
    ['1.27.3', '1.27.3', ''],
    ['v1.27.3', '1.27.3', ''],
    ['1.27', '1.27.0', ''],
    ['12', '12.0.0', ''],
    ['24.04', '24.4.0', ''],
    ['1.27.3-alpine', '1.27.3', 'alpine'],
    ['1.27.3-alpine3.20-slim', '1.27.3', 'alpine3.20-slim'],
    ['17.0.9_9-jdk', '17.0.9', '9-jdk'],
    ['1.2.3-1', '1.2.3', '1'],
    ['2.0.0.Final', '2.0.0', 'Final'],
    ['1.0.2k', '1.0.2', 'k'],
    ['3-alpine', '3.0.0', 'alpine'],
    ['2024-01-31', '2024.0.0', '01-31'],
    ['1.0.0-rc.1', '1.0.0-rc.1', ''],
    ['1.0.0-rc1', '1.0.0-rc.1', ''],
    ['1.0.0-RC-2', '1.0.0-rc.2', ''],
    ['5.0.0.M2', '5.0.0-milestone.2', ''],
    ['3.13.0a4', '3.13.0-alpha.4', ''],
    ['3.13.0b1-slim-bookworm', '3.13.0-beta.1', 'slim-bookworm'],
    ['17beta1', '17.0.0-beta.1', ''],
    ['17rc1-alpine', '17.0.0-rc.1', 'alpine'],
    ['9.0.0-preview.3.24172.9-alpine', '9.0.0-preview.3.24172.9', 'alpine'],
    ['1.2.3-SNAPSHOT', '1.2.3-snapshot', ''],
    ['v2.0.0-beta.2-amd64', '2.0.0-beta.2', 'amd64'],
    ['1.4-nightly-20240131', '1.4.0-nightly.20240131', ''],
  ])('%s names the version %s with the variant "%s"', (tag, version, variant) => {
    const found = read(tag);
    expect([found?.version.version, found?.variant]).toEqual([version, variant]);
  });

  it('may name a version of more than three numbers', () => {
    expect(read('10.0.17763.1')?.more).toEqual([1]);
  });

  it.each(['latest', 'alpine', 'alpine-3.20', 'bookworm-20240131', '', 'v', '-1.2', `sha256-${'1'.repeat(64)}`])(
    'that is "%s" names none',
    (tag) => {
      expect(read(tag)).toBeUndefined();
    },
  );

  it.each(['20240131', '1234567', '2b7c1e0', '3d', '20240131-slim', '8u302-b08', '12345678901234567890'])(
    'that begins with a number, as %s, names no version where that is a date, a commit or a word',
    (tag) => {
      expect(read(tag)).toBeUndefined();
    },
  );
});

describe('versions', () => {
  it('come pre-releases first, then the release, then its variants, each with the numbers in them', () => {
    const tags = [
      '1.27.3-alpha.1',
      '1.27.3-beta2',
      '1.27.3-beta.10',
      '1.27.3-rc1',
      '1.27.3-rc.1-alpine',
      '1.27.3-rc2',
      '1.27.3',
      '1.27.3-1',
      '1.27.3-alpine',
      '1.27.3-alpine3.9',
      '1.27.3-alpine3.18',
      '1.27.3-alpine-slim',
      '1.27.3-slim',
      '1.27.3.1',
      '1.27.4-rc1',
      'v1.27.4',
      '1.28',
      '2-alpine',
    ];
    expect(tags.toReversed().toSorted(compared)).toEqual(tags);
  });

  it('are equal where only the spelling differs', () => {
    expect(compared('v1.2', '1.2.0')).toBe(0);
    expect(compared('1.0-rc1', '1.0.0-RC.1')).toBe(0);
  });

  it('of whatever tags have one order', () => {
    const part = fc.constantFrom('1', '2', '10', '01', 'rc', 'alpine', 'alpine3', '-', '.', '_', 'b', 'x');
    const tag = fc.array(part, { maxLength: 6 }).map((parts) => `1${parts.join('')}`);
    fc.assert(
      fc.property(fc.tuple(tag, tag, tag), ([a, b, c]) => {
        const [x, y, z] = [a, b, c].map(read);
        if (x === undefined || y === undefined || z === undefined) return;
        expect(Math.sign(compare(x, y)) + Math.sign(compare(y, x))).toBe(0);
        if (compare(x, y) <= 0 && compare(y, z) <= 0) expect(compare(x, z)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('are read of whatever text without a failure', () => {
    fc.assert(fc.property(fc.string(), (text) => void read(text)));
    fc.assert(fc.property(fc.stringMatching(/^[0-9vab.\-_]{1,128}$/), (text) => void read(text)));
  });
});

function compared(a: string, b: string): number {
  const [x, y] = [read(a), read(b)];
  if (x === undefined || y === undefined) throw new Error(`${a} or ${b} is no version`);
  return compare(x, y);
}
