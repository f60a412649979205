import type { Descriptor } from '../oci/descriptor.ts';
import { bool, type Flag } from './framework/flag.ts';
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
  await session.print(`${JSON.stringify(value, null, 2)}\n`);
}
