import { type Challenge, parseChallenges } from '../../wire/challenge.ts';
import type { Answer } from '../transport/redirect.ts';

/** A challenge that can be met, and what is needed for that. */
export interface KnownChallenge {
  readonly challenge: Challenge;
  /** The request that was challenged: relative realms start there. */
  readonly url: URL;
}

/** The challenge of an answer to meet: a token rather than a password with each request. Other schemes are passed over. */
export function challengeIn(answer: Answer | undefined): KnownChallenge | undefined {
  if (answer === undefined || answer.crossed) return undefined;
  const challenges = parseChallenges(answer.headers.getAll('www-authenticate'));
  const challenge =
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined) ??
    challenges.find(({ scheme }) => scheme === 'basic');
  return challenge === undefined ? undefined : { challenge, url: answer.url };
}
