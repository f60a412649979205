import type { Artifact } from '../../store/artifact.ts';
import type { WriteOptions } from '../copying/target.ts';
import type { Session } from '../session.ts';
import type { ResultPlace } from './result-place.ts';

/** Puts a result where it belongs and prints what it is called there, as crane does. */
export async function publish(
  session: Session,
  place: ResultPlace,
  result: Artifact,
  options?: WriteOptions,
): Promise<void> {
  const printed = await place.write(result, options);
  if (printed !== undefined) await session.print(`${printed}\n`);
}
