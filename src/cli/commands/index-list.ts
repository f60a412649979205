import { manifestOf } from '../../ops/read.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { formatPlatform, satisfiesPlatform } from '../../oci/platform.ts';
import { checkIndex, openIndexArgument, parseIndexArgument } from '../editing/index-argument.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { printJson } from '../json-result.ts';
import { printableLine } from '../printable.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'INDEX|LAYOUT',
  description:
    'List the entries of an index: digest, media type and platform. A directory, oci:DIR and oci-archive:FILE are a layout as a whole, whose index.json is listed. With --platform only the entries that fit one of the platforms.',
  examples: 'crane index list alpine\ncrane index list ./layout\ncrane index list --json oci:layout:v1',
  arguments: exactly(1),
  complete: images,
  flags: {
    json: bool({ description: 'Print the entries as one JSON array, with all that the index says of them' }),
  },
  async run({ args: [name = ''], flags, context: session }) {
    const index = await openIndexArgument(session, await parseIndexArgument(session, name));
    checkIndex(index, name);
    const manifest = await manifestOf(index, session);
    const all = manifest.kind === 'index' ? manifest.index.manifests : [];
    const { platforms } = session;
    const entries = platforms.length === 0 ? all : all.filter((entry) => isFor(entry, session));
    if (flags.json) return printJson(session, entries);
    const rows = entries.map(({ digest, mediaType, platform }) =>
      row(digest, mediaType, platform === undefined ? '-' : formatPlatform(platform)),
    );
    return session.print([row('Digest', 'MediaType', 'Platform'), ...rows].join(''));
  },
});

function isFor({ platform }: Descriptor, { platforms }: Session): boolean {
  return platform !== undefined && platforms.some((wanted) => wanted.os !== '' && satisfiesPlatform(platform, wanted));
}

/** crane-cli reference, section 9.13. */
function row(digest: string, mediaType: string, platform: string): string {
  return `${digest.padEnd(70)} ${printableLine(mediaType).padEnd(20)} ${printableLine(platform)}\n`;
}
