import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRoute, parseRoute, type Route } from './routes.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const part = fc.oneof(word, fc.constantFrom('blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers'));
const repository = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const digest = fc.stringMatching(/^[a-f0-9]{64}$/).map((hex) => `sha256:${hex}`);
const route: fc.Arbitrary<Route> = fc.oneof(
  fc.constant<Route>({ kind: 'base' }),
  fc.constant<Route>({ kind: 'catalog' }),
  fc.record({ kind: fc.constant('tags' as const), repository }),
  fc.record({ kind: fc.constant('manifest' as const), repository, reference: fc.oneof(word, digest) }),
  fc.record({ kind: fc.constant('blob' as const), repository, digest }),
  fc.record({ kind: fc.constant('uploads' as const), repository }),
  fc.record({ kind: fc.constant('upload' as const), repository, session: fc.uuid() }),
  fc.record({ kind: fc.constant('referrers' as const), repository, digest }),
);

describe('parseRoute', () => {
  it('reads back every path that formatRoute writes, whatever words the name has', () => {
    fc.assert(
      fc.property(route, (value) => {
        expect(parseRoute(formatRoute(value))).toEqual(value);
      }),
    );
  });

  it('decodes percent signs once and within a part only', () => {
    expect(parseRoute('/v2/a/blobs/sha256%3Aabc')).toEqual({ kind: 'blob', repository: 'a', digest: 'sha256:abc' });
    expect(parseRoute('/v2/a/blobs/sha256%253Aabc')).toMatchObject({ digest: 'sha256%3Aabc' });
    expect(parseRoute('/v2/a%2Fb/tags/list')).toBeUndefined();
    expect(parseRoute('/v2/a/manifests/%ff')).toBeUndefined();
  });

  it('takes the base and the uploads with and without the last slash', () => {
    expect(parseRoute('/v2')).toEqual({ kind: 'base' });
    expect(parseRoute('/v2/a/b/blobs/uploads')).toEqual({ kind: 'uploads', repository: 'a/b' });
  });

  it.each(['/', '/v1/', '/v2/a', '/v2/a/tags', '/v2/a/tags/other', '/v2x/', '/v2/_catalog/x', ''])(
    'knows no endpoint at %j',
    (path) => expect(parseRoute(path)).toBeUndefined(),
  );

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRoute(`/v2/${text}`)));
  });
});
