import type { Descriptor } from '../../oci/descriptor.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { WriteOptions } from '../copying/target.ts';
import { artifactJson, printJson } from '../json-result.ts';
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

export interface WrittenResult {
  /** What is printed as text; `undefined` for nothing. */
  readonly line: string | undefined;
  readonly reference: string;
  readonly root: Descriptor;
}

/** Prints what was written, or is there already. */
export async function printWritten(session: Session, { line, reference, root }: WrittenResult): Promise<void> {
  if (session.printsJson) return printJson(session, artifactJson(reference, root));
  if (line !== undefined) await session.print(`${line}\n`);
}
