import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNextLink, parseNextLink } from './link-header.ts';

describe('parseNextLink', () => {
  it.each([
    ['</v2/app/tags/list?n=2&last=b>; rel="next"', '/v2/app/tags/list?n=2&last=b'],
    ['<https://r/v2/_catalog?last=a,b>; rel=next', 'https://r/v2/_catalog?last=a,b'],
    ['https://r/v2/app/tags/list?last=b; rel=next', 'https://r/v2/app/tags/list?last=b'],
    ['</a>', '/a'],
    ['</a>; rel="prev", </b>; title="x, y"; rel="next"', '/b'],
    ['</a>; rel="last next"', '/a'],
    ['</a>; REL=Next', '/a'],
  ])('finds the next page in %s', (header, target) => {
    expect(parseNextLink([header])).toBe(target);
  });

  it.each(['', '<>; rel=next', '</a>; rel="prev"', '<unclosed; rel=next', ';;;', ',,'])(
    'finds none in %j',
    (header) => {
      expect(parseNextLink([header])).toBeUndefined();
    },
  );

  it('looks through several headers', () => {
    expect(parseNextLink(['</a>; rel=prev', '</b>; rel=next'])).toBe('/b');
  });

  it('reads what formatNextLink writes', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
        expect(parseNextLink([formatNextLink(url)])).toBe(url);
      }),
      { numRuns: 30 },
    );
  });

  it('never fails on anything a server may send', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseNextLink([text]);
      }),
    );
  });
});
