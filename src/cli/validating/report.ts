import { isOciError, type OciError } from '../../errors.ts';
import type { Problem, ValidationReport } from '../../ops/validate.ts';
import { jsonText } from '../json-text.ts';
import { printableLine } from '../printable.ts';
import type { Session } from '../session.ts';

/** What came of one target. Without a root it could not be opened. */
export type Outcome = Partial<ValidationReport> & Pick<ValidationReport, 'problems'>;

/** A failure to open content that is there, as an outcome. */
export function outcomeOf(error: OciError): Outcome {
  return { problems: [{ path: '', code: error.code, message: error.message }] };
}

/** `PASS: X`, or `FAIL: X: ` and what is wrong, one line for each problem. crane-cli reference, section 9.23. */
export async function printVerdict(session: Session, name: string, outcome: Outcome): Promise<void> {
  const { problems, warnings = [] } = outcome;
  for (const warning of warnings) session.log.warn(`${name}: ${lineOf(warning)}`);
  if (problems.length === 0) return session.print(`PASS: ${name}\n`);
  await session.print(`FAIL: ${name}: ${problems.map(lineOf).join('\n  ')}\n`);
  session.log.plain(`Error: ${name} is not valid: ${countOf(problems.length, 'problem')}, listed above`);
}

/** One JSON object on a line. Its members are stable: programs read them. */
export async function printJson(session: Session, name: string, outcome: Outcome, fast: boolean): Promise<void> {
  const { root, problems, warnings = [], manifests = 0, blobs = 0, bytes = 0 } = outcome;
  const line = {
    name,
    valid: problems.length === 0,
    digest: root?.digest ?? null,
    mediaType: root?.mediaType ?? null,
    fast,
    manifests,
    blobs,
    bytes,
    problems: problems.map(entryOf),
    warnings: warnings.map(entryOf),
  };
  await session.print(`${jsonText(line)}\n`);
}

/** Whether a failure is that of the content and not of the way to it, so that it is part of the verdict. */
export function isAboutContent(error: unknown): error is OciError {
  return isOciError(error) && contentCodes.has(error.code);
}

const contentCodes: ReadonlySet<string> = new Set([
  'INVALID_ARCHIVE',
  'INVALID_MANIFEST',
  'INVALID_CONFIG',
  'INVALID_LAYOUT',
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'LIMIT_EXCEEDED',
]);

function lineOf({ path, message }: Problem): string {
  return printableLine(path === '' ? message : `${path}: ${message}`);
}

function entryOf({ path, code, digest, message }: Problem): object {
  return { path, code, digest: digest ?? null, message };
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
