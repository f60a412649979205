import type { Descriptor } from '../oci/descriptor.ts';
import { bool, type Flag } from './framework/flag.ts';
import { jsonText } from './json-text.ts';
import type { Session } from './session.ts';

/**
 * `--json` of a command that has one result. What is printed then asks the session whether it was given; the shapes are told
 * in docs/json-output.md.
 */
export function jsonFlag(description: string): Flag<boolean> {
  return bool({ description });
}

/** `--json` of commands that write an image. */
export const writtenJsonFlag: Flag<boolean> = jsonFlag(
  'Print a JSON object with reference, digest, media type and size of what was written',
);

/** An image, index or other artifact as JSON tells of it. */
export interface ArtifactJson {
  /** What commands take to name it. */
  readonly reference: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
}

export function artifactJson(reference: string, { digest, mediaType, size }: Descriptor): ArtifactJson {
  return { reference, digest, mediaType, size };
}

/** One JSON value, as all commands print it. Members that are `undefined` are left out. */
export async function printJson(session: Session, value: object): Promise<void> {
  await session.print(`${jsonText(value, 2)}\n`);
}

/** What a command tells of an image that it has written, or found. */
export interface WrittenResult {
  /** What is printed as text; `undefined` for nothing. */
  readonly line: string | undefined;
  readonly reference: string;
  readonly root: Descriptor;
}

/** Prints a line, as crane does, or with `--json` the image as JSON. */
export async function printWritten(session: Session, { line, reference, root }: WrittenResult): Promise<void> {
  if (session.printsJson) return printJson(session, artifactJson(reference, root));
  if (line !== undefined) await session.print(`${line}\n`);
}
