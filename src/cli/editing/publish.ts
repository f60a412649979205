import type { Artifact } from '../../store/artifact.ts';
import type { WriteOptions } from '../copying/target.ts';
import { printWritten } from '../json-result.ts';
import type { Session } from '../session.ts';
import type { ResultPlace } from './result-place.ts';

/** Puts a result where it belongs and prints what it is called there, as crane does, or with `--json` as JSON. */
export async function publish(
  session: Session,
  place: ResultPlace,
  result: Artifact,
  options?: WriteOptions,
): Promise<void> {
  const printed = await place.write(result, options);
  await printWritten(session, { line: printed, reference: printed ?? place.name, root: result.root });
}
