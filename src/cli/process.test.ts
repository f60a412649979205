import { describe, expect, it } from 'vitest';
import { homeOf } from './process.ts';

describe('the user’s directory', () => {
  const unknown = (): never => {
    throw new Error('no such user');
  };

  it('is what the environment says, else what the system knows of the user', () => {
    expect(homeOf(() => '/home/me', unknown)).toBe('/home/me');
    expect(
      homeOf(
        () => '',
        () => ({ homedir: '/home/me' }),
      ),
    ).toBe('/home/me');
  });

  it('is never the working directory, nor a failure', () => {
    expect(homeOf(() => '', unknown)).toBe('/');
    expect(homeOf(unknown, unknown)).toBe('/');
  });
});
