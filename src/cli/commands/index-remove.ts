import { type Digest, parseDigest } from '../../oci/digest.ts';
import { parsePlatform, type Platform } from '../../oci/platform.ts';
import { removeFromIndex } from '../../ops/edit/remove-from-index.ts';
import { parseIndexArgument } from '../editing/index-argument.ts';
import { indexJsonFlag, openIndexPlace } from '../editing/index-place.ts';
import { imageThenPlatforms, images } from '../completing/completions.ts';
import { atLeast } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'INDEX DIGEST|PLATFORM...',
  description:
    'Remove entries from an index, by their digests or their platforms; linux/arm removes all of its variants. Attestations go with the images that they are about, and entries of indexes within are removed, too. The result takes the place of INDEX unless --tag says otherwise. The images themselves stay where they are.',
  examples:
    'crane index remove registry.example.com/app:v1 linux/s390x windows\ncrane index remove oci:layout sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  arguments: atLeast(2),
  complete: imageThenPlatforms,
  flags: {
    json: indexJsonFlag,
    tag: string({
      shorthand: 't',
      complete: images,
      description: 'Where the result goes; in place of INDEX when left out',
    }),
    'allow-empty': bool({ description: 'Also publish an index in which nothing is left' }),
  },
  async run({ args: [name = '', ...texts], flags, context: session }) {
    const entries = texts.flatMap((text) => text.split(',')).map(parseEntry);
    const change = await openIndexPlace(session, await parseIndexArgument(session, name), flags);
    const options = { allowEmpty: flags['allow-empty'], signal: session.signal };
    await change((index) => removeFromIndex(index, entries, options));
  },
});

function parseEntry(text: string): Digest | Platform {
  return /^\w+:[0-9a-fA-F]{32,}$/.test(text) ? parseDigest(text) : parsePlatform(text);
}
