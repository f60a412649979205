import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatChallenge, parseChallenges } from './challenge.ts';

describe('parseChallenges', () => {
  // What go-containerregistry reads, recorded from the library.
  it.each([
    [['bearer realm=abc,service="s"'], [{ scheme: 'bearer', parameters: { realm: 'abc', service: 's' } }]],
    [
      ['Negotiate', 'Basic realm="x"'],
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
      ],
    ],
    [['Bearer realm="unterminated'], [{ scheme: 'bearer', parameters: {} }]],
    [['Bearer realm="x" ,  service="y" , scope=""'], [{ scheme: 'bearer', parameters: { realm: 'x', service: 'y' } }]],
    [[''], []],
  ])('reads %j as go-containerregistry does', (headers, challenges) => {
    expect(parseChallenges(headers)).toEqual(challenges);
  });

  it('finds every challenge of one header', () => {
    expect(
      parseChallenges([
        'Bearer realm="https://a/token",service="s",scope="*",Basic realm="r", Negotiate YWJj==, Digest a=b',
      ]),
    ).toEqual([
      { scheme: 'bearer', parameters: { realm: 'https://a/token', service: 's', scope: '*' } },
      { scheme: 'basic', parameters: { realm: 'r' } },
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'digest', parameters: { a: 'b' } },
    ]);
  });

  it.each([
    ['Basic realm=openshift,error="access denied"', { realm: 'openshift', error: 'access denied' }],
    ['Basic realm="say \\"hi\\", you"', { realm: 'say "hi", you' }],
    ['BASIC Realm = "spaced out"', { realm: 'spaced out' }],
    ['Basic realm=https://registry.example/token', { realm: 'https://registry.example/token' }],
  ])('reads the parameters of %s', (header, parameters) => {
    expect(parseChallenges([header])).toEqual([{ scheme: 'basic', parameters }]);
  });

  it('never fails on anything a server may send', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseChallenges([text]))));
  });

  it('reads what formatChallenge writes', () => {
    const value = fc.string({ minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));
    const name = fc.stringMatching(/^[a-z]{2,9}$/).filter((key) => key !== '__proto__');
    fc.assert(
      fc.property(name, fc.dictionary(name, value, { minKeys: 1 }), (scheme, parameters) => {
        expect(parseChallenges([formatChallenge({ scheme, parameters })])).toEqual([{ scheme, parameters }]);
      }),
    );
  });
});
