import type { Platform } from '../../oci/platform.ts';
import { filterIndex } from '../../ops/edit/filter-index.ts';
import { parseIndexArgument } from '../editing/index-argument.ts';
import { indexJsonFlag, openIndexPlace } from '../editing/index-place.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, custom, type Flag, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { platformFlag, readPlatform } from '../platform-flag.ts';
import type { Session } from '../session.ts';

type Platforms = readonly Platform[] | 'all';

/** Unlike the global one it adds up, and `all` is not the same as nothing. */
const platforms: Flag<Platforms> = custom<Platforms>({
  description: 'Platforms to keep, as os[/arch[/variant]][:osversion]; what is left out fits anything; all keeps all',
  valueName: 'platform',
  initial: [],
  repeatable: true,
  parse: readPlatforms,
  complete: platformFlag.complete,
});

export const command: Command<Session, Globals> = defineCommand({
  usage: 'INDEX',
  description:
    'Keep only the images of an index that are for some platforms, and the attestations of those. The result takes the place of INDEX unless --tag says otherwise. Indexes within are filtered, too; entries that state no platform go. A directory, oci:DIR and oci-archive:FILE are a layout as a whole: its index.json is filtered, and what is no longer listed can be deleted with crane layout gc.',
  examples:
    'crane index filter registry.example.com/app:v1 --platform linux/amd64,linux/arm64\ncrane index filter ghcr.io/org/app:v1 --platform linux -t registry.example.com/app:v1-linux\ncrane index filter registry.example.com/app:v1 --platform all --drop-attestations',
  arguments: exactly(1),
  complete: images,
  flags: {
    platform: platforms,
    json: indexJsonFlag,
    tag: string({
      shorthand: 't',
      complete: images,
      description: 'Where the result goes; in place of INDEX when left out',
    }),
    'allow-empty': bool({ description: 'Also publish an index in which nothing is left' }),
    'drop-attestations': bool({ description: 'Drop attestations, also those of images that stay' }),
  },
  async run({ args: [name = ''], flags, context: session }) {
    const { platform, tag, 'allow-empty': allowEmpty } = flags;
    if (platform.length === 0 && !allowEmpty) {
      throw new UsageError('no --platform is given, so that nothing would stay; --allow-empty lets that pass');
    }
    const change = await openIndexPlace(session, await parseIndexArgument(session, name), { tag });
    const attestations = flags['drop-attestations'] ? 'drop' : 'keep';
    await change((index) => filterIndex(index, platform, { allowEmpty, attestations, signal: session.signal }));
  },
});

function readPlatforms(text: string, earlier: Platforms = []): Platforms {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > 1 && parts.includes('')) throw new Error('a part between commas is empty');
  if (earlier === 'all' || parts.includes('all')) return 'all';
  return [...earlier, ...parts.map(readPlatform)];
}
