import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OciError } from '../errors.ts';
import {
  formatReference,
  formatRepository,
  identifierOf,
  isLoopback,
  isTag,
  mayUsePlainHttp,
  parseReference,
  parseRegistry,
  parseRepository,
  parseTag,
  sameRepository,
} from './reference.ts';

interface ReferenceVector {
  readonly input: string;
  readonly registry?: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly name?: string;
  readonly plainHttp?: boolean;
  readonly error?: string;
  readonly says?: string;
}

const { references } = JSON.parse(
  readFileSync(new URL('../../test/vectors/references.json', import.meta.url), 'utf8'),
) as { readonly references: readonly ReferenceVector[] };

describe('references of the vector file', () => {
  it.each(references.filter(({ error }) => error === undefined))('reads $input', (vector) => {
    const { input, name, plainHttp, ...expected } = vector;
    const reference = parseReference(input);
    expect({ ...reference, differs: undefined }).toEqual({ ...expected, text: input, differs: undefined });
    expect(formatReference(reference)).toBe(name);
    expect(mayUsePlainHttp(reference.registry)).toBe(plainHttp);
    expect(identifierOf(reference)).toBe(vector.digest ?? vector.tag);
  });

  it.each(references.filter(({ error }) => error !== undefined))('refuses $input', ({ input, error, says }) => {
    const failure = failureOf(() => parseReference(input));
    expect(failure.code).toBe(error);
    // A password in front of a host is not shown.
    const text = input.replace(/:.*@(?=[^@]*\/)/, ':…@');
    expect(failure.message).toContain(JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text));
    if (says !== undefined) expect(failure.message).toContain(says);
  });
});

describe('what names a repository only', () => {
  it.each(['ubuntu:22.04', `ubuntu@sha256:${'a'.repeat(64)}`, 'gcr.io/foo:bar'])('refuses %s', (text) => {
    expect(failureOf(() => parseRepository(text)).code).toBe('INVALID_REFERENCE');
  });

  it('has its registry in full', () => {
    expect(formatRepository(parseRepository('ubuntu'))).toBe('index.docker.io/library/ubuntu');
    expect(sameRepository(parseRepository('docker.io/ubuntu'), parseReference('ubuntu:x'))).toBe(true);
    expect(sameRepository(parseRepository('ghcr.io/ubuntu'), parseReference('ubuntu:x'))).toBe(false);
  });
});

describe('what names a registry only', () => {
  it.each([
    ['docker.io', 'index.docker.io'],
    ['index.docker.io', 'index.docker.io'],
    ['localhost:5000', 'localhost:5000'],
    ['[::1]:5000', '[::1]:5000'],
  ])('reads %s', (text, expected) => {
    expect(parseRegistry(text)).toBe(expected);
  });

  it.each(['', 'x/y', 'https://x', 'x@y', 'a b', 'host:', 'host:port', 'a%20b', '[::1', 'x?y', 'x#y', 'a\\b', 'a\nb'])(
    'refuses %j',
    (text) => {
      expect(failureOf(() => parseRegistry(text)).code).toBe('INVALID_REFERENCE');
    },
  );
});

describe('a tag', () => {
  it.each(['latest', 'V1.0_x-y', '_', '0', 't'.repeat(128)])('may be %s', (text) => {
    expect(parseTag(text)).toBe(text);
    expect(isTag(text)).toBe(true);
  });

  it.each(['', '.x', '-x', 'a/b', 'a:b', 'a b', 'ä', 'a\n', 't'.repeat(129)])('may not be %j', (text) => {
    expect(failureOf(() => parseTag(text)).code).toBe('INVALID_REFERENCE');
    expect(isTag(text)).toBe(false);
  });
});

it.each([
  ['localhost', true],
  ['a.localhost:80', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['[::1]:1', true],
  ['localhost.example.com', false],
  ['127.0.0.1.example.com', false],
  ['mylocalhost', false],
])('says whether %s is this machine: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

describe('every reference that the grammar makes', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
  const host = fc.stringMatching(/^(?:[a-z0-9]{1,8}\.[a-z]{2,4}|localhost)(?::[1-9][0-9]{0,3})?$/);
  const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/);
  const digest = fc.oneof(fc.stringMatching(/^sha256:[a-f0-9]{64}$/), fc.stringMatching(/^sha512:[a-f0-9]{128}$/));

  it('is read back from its full name', () => {
    fc.assert(
      fc.property(host, repository, fc.option(tag), fc.option(digest), (host, repository, tag, digest) => {
        const text = `${host}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
        const reference = parseReference(text);
        expect(reference).toMatchObject({ registry: host, repository });
        expect(reference.digest).toBe(digest ?? undefined);
        expect(reference.tag).toBe(tag ?? (digest === null ? 'latest' : undefined));
        const again = parseReference(formatReference(reference));
        expect(formatReference(again)).toBe(formatReference(reference));
        expect(identifierOf(again)).toBe(identifierOf(reference));
      }),
    );
  });

  it('and any other text is read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        try {
          const reference = parseReference(text);
          expect(formatReference(parseReference(formatReference(reference)))).toBe(formatReference(reference));
          expect(reference.repository).not.toMatch(/\.\.|\/\/|^\/|\/$/);
        } catch (error) {
          expect(error).toBeInstanceOf(OciError);
        }
      }),
    );
  });

  it.each(['1.2.3.999/app', '256.1.1.1:80/app', '[:]/app', 'xn--a.example/app'])(
    'is refused where no URL can be made of its host: %s',
    (text) => {
      expect(() => parseReference(text)).toThrow('is no host name with an optional port');
    },
  );

  it('may be long without taking long', () => {
    const long = `${'a-'.repeat(50_000)}a`;
    expect(failureOf(() => parseReference(`reg.io/${long}!`)).code).toBe('INVALID_REFERENCE');
    expect(failureOf(() => parseReference(`${'.'.repeat(100_000)}/x`)).code).toBe('INVALID_REFERENCE');
  });
});

function failureOf(action: () => unknown): OciError {
  try {
    action();
  } catch (error) {
    if (error instanceof OciError) return error;
    throw error;
  }
  throw new Error('It was accepted');
}
