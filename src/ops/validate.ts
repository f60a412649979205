import type { Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { ChildFilter } from './copy-options.ts';
import { findingsIn, type Problem } from './validate/findings.ts';
import { Validation } from './validate/validation.ts';

export type { Problem } from './validate/findings.ts';

export interface ValidateOptions extends CallOptions, ProgressOptions {
  /**
   * Only ask whether layers are there and as long as stated, without reading them.
   *
   * @default false
   */
  readonly fast?: boolean | undefined;
  /**
   * How many layers are read at once.
   *
   * @default 3: a fourth takes more memory, and no less time on two processors
   */
  readonly concurrency?: number | undefined;
  /**
   * Most bytes of a layer without compression, against bombs.
   *
   * @default 16 GiB, or 200 times the size the layer has when that is more
   */
  readonly limit?: number | undefined;
  /** Which entries of indexes are looked at. @default all */
  readonly includeChild?: ChildFilter | undefined;
}

/** What a validation came to. */
export interface ValidationReport {
  readonly root: Descriptor;
  /** What is wrong, in document order; none when the artifact is valid. */
  readonly problems: readonly Problem[];
  /** What a valid artifact may have and rarely should: a history for other layers than it has, a subject that is not there. */
  readonly warnings: readonly Problem[];
  /** How many different manifests, and blobs, were looked at. */
  readonly manifests: number;
  readonly blobs: number;
  /** That were read. */
  readonly bytes: number;
}

/**
 * Checks an artifact as a whole: every manifest, config and layer is there, has its size and digest and is well-formed; layers
 * are compressed as their types say and are tar archives without doubled paths; diff IDs are those of the layers' contents;
 * platforms of an index are those of its images; what descriptors embed is what they name; a subject that is there is what was
 * named. Content is read once however often it is named, and what is wrong with it told once, where it is first named. Layers
 * that may not be passed on need not be there. crane-cli reference, section 9.23.
 *
 * @returns what is wrong, nothing when all is right
 * @throws what keeps the check from being made: an abort, a network failure
 */
export async function validate(artifact: Artifact, options: ValidateOptions = {}): Promise<readonly Problem[]> {
  return (await validationReport(artifact, options)).problems;
}

/** Like {@link validate}, and tells what was looked at, and of what only deserves a warning. */
export async function validationReport(
  { store, root }: Artifact,
  { fast = false, concurrency = 3, limit, includeChild, onProgress, signal }: ValidateOptions = {},
): Promise<ValidationReport> {
  const validation = new Validation(store, { fast, concurrency, limit, includeChild, onProgress, signal });
  const start = await validation.run(root);
  const [problems, warnings]: [Problem[], Problem[]] = [[], []];
  for (const { path, finding } of findingsIn(start)) {
    const { code, message, digest, isWarning } = finding;
    (isWarning === true ? warnings : problems).push({ path, code, message, digest });
  }
  const { manifests, blobs, bytes } = validation;
  return { root, problems, warnings, manifests, blobs, bytes };
}
