import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';
import { none } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import { openForPlatform } from '../open.ts';
import { openPath } from '../open-path.ts';
import { printableLine } from '../printable.ts';
import { SilentFailure } from '../report-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  description:
    'Check an image or an index: manifests, configs and layers exist and are well-formed, and sizes, digests, diff IDs and platforms agree. Print PASS, or FAIL with all problems found.',
  examples:
    'crane validate --remote ghcr.io/org/app:v1\ncrane validate --tarball image.tar\ncrane validate --remote oci:layout:v1',
  arguments: none,
  flags: {
    remote: string({ description: 'Image to check, in a registry or in local content (oci:DIR and so on)' }),
    tarball: string({ description: 'Docker or OCI archive to check' }),
    fast: bool({ description: 'Do not read layers, only check that they exist with the stated size' }),
  },
  async run({ flags, context: session }) {
    if (flags.tarball !== '') {
      const artifact = await step(`failed to read image ${flags.tarball}`, () => openPath(session, flags.tarball));
      await report(session, flags.tarball, artifact, flags.fast);
    }
    if (flags.remote !== '') {
      const artifact = await step(`failed to read image ${flags.remote}`, () =>
        openForPlatform(session, parseLocation(flags.remote)),
      );
      await report(session, flags.remote, artifact, flags.fast);
    }
  },
});

async function report(session: Session, name: string, artifact: Artifact, fast: boolean): Promise<void> {
  const problems = await step(`validating ${name}`, () =>
    validate(artifact, { fast, signal: session.signal, onProgress: session.onProgress }),
  );
  if (problems.length === 0) return session.print(`PASS: ${name}\n`);
  const lines = problems.map(({ path, message }) => printableLine(path === '' ? message : `${path}: ${message}`));
  await session.print(`FAIL: ${name}: ${lines.join('\n  ')}\n`);
  session.log.plain(
    `Error: ${name} is not valid: ${problems.length} problem${problems.length === 1 ? '' : 's'}, listed above`,
  );
  throw new SilentFailure();
}
