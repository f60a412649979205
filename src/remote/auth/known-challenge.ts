import { type Challenge, parseChallenges } from '../../wire/challenge.ts';
import type { Answer } from '../transport/redirect.ts';

/** A challenge that can be met, and what is needed for that. */
export interface KnownChallenge {
  readonly challenge: Challenge;
  /** The request that was challenged: relative realms start there. */
  readonly url: URL;
}

/** The challenge of a registry's own answer. What another host asks for, to which a redirect led, says nothing about the registry. */
export function challengeIn(answer: Answer | undefined): KnownChallenge | undefined {
  return answer === undefined || answer.crossed ? undefined : challengeOf(answer);
}

/**
 * The challenge to meet: a token, where it says who gives one out, rather than a password with each request. Other schemes
 * are passed over (demand-and-quirks reference, Q-03).
 */
export function challengeOf({ headers, url }: Pick<Answer, 'headers' | 'url'>): KnownChallenge | undefined {
  const challenges = parseChallenges(headers.getAll('www-authenticate'));
  const bearers = challenges.filter(({ scheme }) => scheme === 'bearer');
  const challenge =
    bearers.find(({ parameters }) => isRealm(parameters['realm'], url)) ??
    challenges.find(({ scheme }) => scheme === 'basic') ??
    // What is wrong with its realm is said when it is used.
    bearers.find(({ parameters }) => parameters['realm'] !== undefined);
  return challenge === undefined ? undefined : { challenge, url };
}

/** Whether two challenges lead to the same place. */
export function isSamePlace(a: KnownChallenge, b: KnownChallenge): boolean {
  if (a.challenge.scheme !== b.challenge.scheme) return false;
  if (a.challenge.scheme === 'basic') return true;
  const [ours, theirs] = [a.challenge.parameters, b.challenge.parameters];
  return ours['realm'] === theirs['realm'] && ours['service'] === theirs['service'];
}

function isRealm(realm: string | undefined, url: URL): boolean {
  return realm !== undefined && URL.canParse(realm, url.href) && /^https?:$/.test(new URL(realm, url).protocol);
}
