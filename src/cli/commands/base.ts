import { isOciError, OciError, quoted } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { identifierOf, type Reference } from '../../oci/reference.ts';
import { checkBase, type CheckedBase } from '../../ops/rebase/check-base.ts';
import { openArtifact } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import { readBaseName } from '../editing/find-bases.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import { reportError } from '../report-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { jsonText } from '../json-text.ts';
import { printableLine } from '../printable.ts';

const flags = {
  base: string({ complete: images, description: 'Base to compare with, whatever the annotations of IMAGE say' }),
  json: bool({ description: 'Print a JSON object with the bases of all images, and what became of them' }),
};

/** In place of 1, which says that there is a newer base. */
const cannotTell = 2;

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Print which base an image stands on, as the annotations org.opencontainers.image.base.name and base.digest say, and whether there is a newer one under that name; of an index for each platform. An image also counts as up to date when its lowest layers are those of the base. The exit code is 0 when all images stand on the newest base, 1 when one does not, and 2 when that cannot be told.',
  examples:
    'crane base ghcr.io/org/app:v1\ncrane base --base debian:12 ghcr.io/org/app:v1\ncrane base --json --platform linux/arm64 ghcr.io/org/app:v1',
  arguments: exactly(1),
  complete: images,
  flags,
  async run({ args: [image = ''], flags: given, context: session }) {
    try {
      return await check(session, image, given);
    } catch (error) {
      const code = await reportError(error, session);
      return code === 1 ? cannotTell : code;
    }
  },
});

async function check(
  session: Session,
  image: string,
  given: { readonly base: string; readonly json: boolean },
): Promise<number> {
  const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
  const named = given.base === '' ? undefined : parseLocation(given.base);
  // Asked while the image is read.
  const base = named && step(`fetching ${JSON.stringify(given.base)}`, () => openLocation(session, named));
  base?.catch(() => {});
  const artifact = await step(`fetching ${JSON.stringify(image)}`, () => openLocation(session, location));
  const { platforms, signal } = session;
  const opened = new Map<string, Promise<Artifact>>();
  const checked = await step(`checking ${JSON.stringify(image)}`, async () =>
    checkBase(
      artifact,
      async ({ name }) => {
        if (name === undefined || name === scratch) return undefined;
        const found = opened.get(name) ?? openNow(session, readBaseName(name, image));
        opened.set(name, found);
        return found;
      },
      { base: await base, platforms: platforms.length === 0 ? undefined : platforms, signal },
    ),
  );
  await session.print(
    given.json ? jsonOf(image, artifact, given.base, checked) : checked.map((one) => lineOf(one, given.base)).join(''),
  );
  const unknown = checked.filter((one) => statusOf(one) === 'unknown');
  if (checked.some(({ status }) => status === 'outdated')) return 1;
  if (unknown.length === 0) return 0;
  throw new OciError(
    'NOT_FOUND',
    `${quoted(image)} does not say what its base is: it has no annotation ${annotationKeys.baseName}`,
    {
      hint: 'Name the base to compare with: --base REPOSITORY:TAG',
    },
  );
}

/** What Docker's builds call a base that is none. */
const scratch = 'scratch';

/** Asked with HEAD, which tells the digest, and often nothing more is needed. */
async function openNow(session: Session, reference: Reference): Promise<Artifact> {
  const store = await session.repository(reference);
  const name = identifierOf(reference);
  return step(`resolving the base ${JSON.stringify(reference.text)}`, async () => {
    try {
      return { store, root: await store.resolve(name, session) };
    } catch (error) {
      if (!isOciError(error, 'NOT_FOUND')) throw error;
      // An answer to HEAD has no words.
      return openArtifact(store, name, session);
    }
  });
}

type Status = 'current' | 'outdated' | 'unknown';

function statusOf({ status, stated }: CheckedBase): Status {
  return status === 'unknown' && stated.name === scratch ? 'current' : status;
}

const words: Readonly<Record<Status, string>> = { current: 'up to date', outdated: 'outdated', unknown: 'unknown' };

/** `up to date linux/amd64 NAME@DIGEST`, `outdated linux/amd64 NAME@DIGEST -> DIGEST`. */
function lineOf(checked: CheckedBase, given: string): string {
  const { platform, stated, base } = checked;
  const status = statusOf(checked);
  const name = given === '' ? (stated.name ?? '') : given;
  const digest = given === '' ? stated.digest : undefined;
  const was = digest === undefined ? '' : `@${digest}`;
  const now = base === undefined || base.digest === digest ? '' : `${was === '' ? '@' : ' -> '}${base.digest}`;
  const parts = [
    words[status].padEnd(10),
    platform === undefined ? '' : formatPlatform(platform),
    `${name}${was}${now}`,
  ];
  // Of a base that was named here nothing else says why it is not the one.
  const { reason } = given === '' ? {} : checked;
  const more = reason === undefined ? '' : `  ${printableLine(reason)}\n`;
  return `${printableLine(
    parts
      .filter((part) => part !== '')
      .join(' ')
      .trimEnd(),
  )}\n${more}`;
}

function jsonOf(image: string, { root }: Artifact, given: string, checked: readonly CheckedBase[]): string {
  const images = checked.map((one) => ({
    digest: one.image.digest,
    platform: one.platform === undefined ? undefined : formatPlatform(one.platform),
    status: statusOf(one),
    base: given === '' ? one.stated : { name: given },
    newest: one.base?.digest,
    reason: one.reason,
  }));
  return `${jsonText({ image, digest: root.digest, images }, 2)}\n`;
}
