import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOciError } from '../errors.ts';
import { parseDigest } from '../oci/digest.ts';
import { formatLocation, hasLocalPrefix, imageNameOf, isLocal, isStandardStream, parseLocation } from './location.ts';

const digest = parseDigest(`sha256:${'0'.repeat(64)}`);

describe('an argument that names an image', () => {
  it.each<[text: string, kind: string, path: string, tag?: string | undefined, at?: string | undefined]>([
    ['-', 'archive', '-'],
    ['oci:layout', 'oci', 'layout'],
    ['oci:layout:v1', 'oci', 'layout', 'v1'],
    ['oci:a:b/layout:v1', 'oci', 'a:b/layout', 'v1'],
    ['oci:a:b/layout', 'oci', 'a:b/layout'],
    ['oci:./-', 'oci', './-'],
    [`oci:layout@${digest}`, 'oci', 'layout', undefined, digest],
    [`oci:layout:v1@${digest}`, 'oci', 'layout', 'v1', digest],
    ['oci:layout:ghcr.io/org/app:v1', 'oci', 'layout', 'ghcr.io/org/app:v1'],
    ['oci:layout:localhost:5000/app:v1', 'oci', 'layout', 'localhost:5000/app:v1'],
    ['oci-archive:-', 'oci-archive', '-'],
    ['oci-archive:-:v1', 'oci-archive', '-', 'v1'],
    [`oci-archive:-@${digest}`, 'oci-archive', '-', undefined, digest],
    ['oci-archive:C:\\images\\a.tar:v1', 'oci-archive', 'C:\\images\\a.tar', 'v1'],
    ['oci-archive:C:/images/a.tar', 'oci-archive', 'C:/images/a.tar'],
    ['docker-archive:-', 'docker-archive', '-'],
    ['docker-archive:-:app:v1', 'docker-archive', '-', 'app:v1'],
    ['docker-archive:a.tar:app', 'docker-archive', 'a.tar', 'app'],
    ['docker-archive:a.tar:org/app:v1', 'docker-archive', 'a.tar', 'org/app:v1'],
    [`docker-archive:a.tar:app@${digest}`, 'docker-archive', 'a.tar', 'app', digest],
    [`docker-archive:a.tar@${digest}`, 'docker-archive', 'a.tar', undefined, digest],
    ['docker-daemon:app:v1', 'docker-daemon', 'app:v1', 'app:v1'],
    [`docker-daemon:${digest}`, 'docker-daemon', digest],
  ])('reads %s', (text, kind, path, tag, at) => {
    expect(hasLocalPrefix(text)).toBe(true);
    expect(parseLocation(text)).toEqual({
      kind,
      text,
      path,
      ...(tag === undefined ? {} : { tag }),
      ...(at === undefined ? {} : { digest: at }),
    });
  });

  it.each(['alpine', 'docker.io/library/oci', 'oci', 'localhost:5000/oci:v1', `app@${digest}`])(
    'is a reference without a prefix: %s',
    (text) => {
      expect(hasLocalPrefix(text)).toBe(false);
      expect(parseLocation(text)).toMatchObject({ kind: 'registry', text });
    },
  );

  it.each<[text: string, says: string, hint: string]>([
    ['oci:', 'the path is missing', 'Write oci:PATH'],
    ['docker-daemon:', 'the name is missing', 'Write docker-daemon:NAME'],
    ['oci:-', 'a layout is a directory', 'Write oci-archive:-'],
    ['oci:-:v1', 'a layout is a directory', 'Write oci-archive:-'],
    ['-:v1', 'behind - nothing can be named', 'Write docker-archive:-:v1'],
    ['oci:layout:', 'the tag after the colon is empty', 'A tag has'],
    ['oci:layout:a b', 'has the character " "', 'A tag has'],
    ['docker-archive:a.tar:App', 'upper-case letters', 'Write "app"'],
    ['docker-archive:a.tar:', 'the tag after the colon is empty', 'A tag has'],
    ['oci:layout@sha256:12', 'sha256:12', 'sha256: and 64'],
  ])('is refused: %s', (text, says, hint) => {
    const fault = faultOf(() => parseLocation(text));
    expect(fault.message).toContain(says);
    expect(fault.hint).toContain(hint);
  });

  it('of local content goes to text and back', () => {
    const path = fc.stringMatching(/^(?:[a-z][a-z0-9 ._-]{0,8}\/){0,2}[a-z][a-z0-9 ._-]{0,8}$/);
    const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,12}$/);
    const name = fc.stringMatching(
      /^(?:[a-z]{1,5}\.example\/)?[a-z][a-z0-9]{0,5}(?:\/[a-z0-9]{1,5})?(?::[a-z0-9]{1,5})?$/,
    );
    const full = fc.stringMatching(
      /^(?:[a-z]{1,5}\.example|localhost:\d{1,4})\/[a-z0-9]{1,5}(?:\/[a-z0-9]{1,5})?:[a-z0-9]{1,5}$/,
    );
    const layouts = fc.record({
      kind: fc.constantFrom('oci' as const, 'oci-archive' as const),
      path,
      tag: fc.option(fc.oneof(tag, full), { nil: undefined }),
      digest: fc.constantFrom(undefined, digest),
    });
    const archives = fc.record({
      kind: fc.constant('docker-archive' as const),
      path: fc.oneof(path, fc.constant('-')),
      tag: fc.option(name, { nil: undefined }),
      digest: fc.constantFrom(undefined, digest),
    });
    fc.assert(
      fc.property(fc.oneof(layouts, archives), (location) => {
        const text = formatLocation(location);
        expect(parseLocation(text)).toMatchObject(withoutNothing({ ...location, text }));
      }),
    );
  });

  it('never fails without words', () => {
    const part = fc.constantFrom(
      'oci',
      'docker-archive',
      'oci-archive',
      'docker-daemon',
      ':',
      '@',
      '-',
      '/',
      'a',
      '.',
      digest,
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        try {
          const location = parseLocation(text);
          expect(location.text).toBe(text);
          if (isLocal(location)) expect(location.path).not.toBe('');
          if (isStandardStream(location)) expect(location.path).toBe('-');
        } catch (error) {
          expect(isOciError(error)).toBe(true);
        }
      }),
    );
  });
});

describe('the name of an image in a docker archive', () => {
  it.each<[text: string, name: string | undefined]>([
    ['ghcr.io/org/app:v1', 'ghcr.io/org/app:v1'],
    ['docker-archive:a.tar:app:v1', 'app:v1'],
    ['docker-daemon:app:v1', 'app:v1'],
    ['oci:layout:ghcr.io/org/app:v1', 'ghcr.io/org/app:v1'],
    ['oci:layout:v1', undefined],
    ['oci:layout', undefined],
    ['-', undefined],
  ])('is that of the source: %s', (text, name) => {
    expect(imageNameOf(parseLocation(text))?.text).toBe(name);
  });
});

function faultOf(task: () => unknown): { readonly message: string; readonly hint?: string | undefined } {
  try {
    task();
  } catch (error) {
    if (isOciError(error)) return error;
  }
  throw new Error('It was not refused');
}

function withoutNothing(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
