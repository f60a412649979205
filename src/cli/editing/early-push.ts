import { parseLocation } from '../location.ts';
import type { Session } from '../session.ts';
import type { LayerObserver } from './layers.ts';

/**
 * Sends large layers while they are packed, where the result goes to a registry. What no push goes on with is cancelled at the
 * end of the session.
 *
 * @param tag where the result goes
 */
export function earlyPush(session: Session, tag: string): LayerObserver | undefined {
  const location = parseLocation(tag);
  if (location.kind !== 'registry') return undefined;
  return (content) => {
    // The store that the result is written to: sessions have one for each repository.
    const begun = session
      .repository(location.reference, 'push', 'destination')
      .then((store) => store.pushEarly(content, session));
    begun.catch(() => {});
    session.use({ [Symbol.asyncDispose]: async () => (await begun)[Symbol.asyncDispose]() });
  };
}
