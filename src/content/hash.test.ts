import { expect, it } from 'vitest';
import { describeBytes, Digester, digestOf } from './hash.ts';

const abc = new TextEncoder().encode('abc');

it.each([
  ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'sha512',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
] as const)('computes %s as FIPS 180 does', (algorithm, hex) => {
  expect(digestOf(abc, algorithm)).toBe(`${algorithm}:${hex}`);
});

it('gives the same for any chunks, and counts them', () => {
  const digester = new Digester();
  for (const byte of abc) digester.update(Uint8Array.of(byte));
  digester.update(new Uint8Array(0));
  expect(digester.size).toBe(3);
  expect(digester.finish()).toBe(digestOf(abc));
});

it('describes bytes', () => {
  expect(describeBytes(abc, 'text/plain')).toEqual({ mediaType: 'text/plain', digest: digestOf(abc), size: 3 });
});
